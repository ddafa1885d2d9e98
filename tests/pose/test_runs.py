"""`zoo run` with pose estimators: files of a chain, numbers computed again by hand, resuming, every kind of data."""

from __future__ import annotations

import csv
import io
import json
import shutil
from contextlib import redirect_stdout

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.errors import UserError
from zoo_core.training.checkpoint import read_weights

STEM = "st_movenet_lightning_heatmaps"
QUANTIZED = f"quantized_models/{STEM}_quant_qdq_pc.onnx"
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
NUMBERS = {"map": 0, "ap50": 1, "ap75": 2, "ar": 5}
"""Our names and the places in COCO's list of numbers for keypoints."""


def exported(run_dir):
    (path,) = (path for path in run_dir.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    return path


def test_examples_show_every_image_with_its_score(finished):
    folder = finished.folder / "stages/4_evaluation"
    shown = json.loads((folder / "examples.json").read_text())
    scores = [one["score"] for one in shown["examples"]]
    assert len(scores) == shown["images"] == 8
    assert np.mean(scores) == pytest.approx(finished.metrics(model="int8")["oks"])
    assert shown["right"] == sum(score >= 0.5 for score in scores)
    for one in shown["examples"]:
        assert one["text"] == "found 1 pose, 1 labelled"
        assert (folder / one["picture"]).stat().st_size > 0
        assert (folder / one["truth"]).stat().st_size > 0


def truths(folder, keypoints=17):
    """Read the text files of a folder: boxes and keypoints in pixels, by hand, image by image."""
    found = []
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as picture:
            size = np.array(picture.size)
        for line in path.with_suffix(".txt").read_text().splitlines():
            numbers = np.array(line.split(), float)
            points = numbers[5:].reshape(keypoints, 3)
            found.append((numbers[3:5] * size, numbers[1:3] * size, points[:, :2] * size, points[:, 2]))
    return found


def mean_similarity(folder, results, sigmas=SIGMAS):
    """Return the mean object keypoint similarity of a folder with one pose on each image."""
    rows = json.loads(results.read_text())
    scores = []
    for row, (sides, _, points, visible) in zip(rows, truths(folder, len(sigmas)), strict=True):
        placed = np.array(row["keypoints"]).reshape(len(sigmas), 3)[:, :2]
        distances = ((placed - points) ** 2).sum(axis=1)
        similarities = np.exp(-distances / (2 * 0.53 * sides.prod() * (2 * sigmas) ** 2))
        scores.append(similarities[visible > 0].mean())
    return np.mean(scores)


def official(folder, results):
    """Return the ten numbers of pycocotools in percent."""
    rows = json.loads(results.read_text())
    annotations, images = [], []
    for row, (sides, middle, points, visible) in zip(rows, truths(folder), strict=True):
        number = row["image_id"]
        images.append({"id": number, "width": 64, "height": 64})
        keypoints = np.concatenate([points, visible[:, None]], axis=1).ravel().tolist()
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "keypoints": keypoints,
                "num_keypoints": int((visible > 0).sum()),
                "bbox": [*(middle - sides / 2).tolist(), *sides.tolist()],
                "area": 0.53 * sides.prod(),
                "iscrowd": 0,
            }
        )
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * evaluation.stats


@pytest.mark.parametrize(
    "name",
    [
        "saved_models/best_model.pt",
        "saved_models/last_model.pt",
        "saved_models/checkpoint-2.pt",
        "saved_models/summary.csv",
        QUANTIZED,
        "stm32ai_main.log",
        "metrics.json",
        ".hydra/config.yaml",
        "training_curves.png",
    ],
)
def test_files_of_a_chain(finished, name):
    assert (finished.folder / name).stat().st_size > 0


def test_the_exported_model_says_how_it_is_read(finished):
    model = onnx.load(exported(finished.folder))
    (output,) = model.graph.output
    assert output.name == "heatmaps"
    assert [axis.dim_value for axis in output.type.tensor_type.shape.dim][1:] == [17, 16, 16]
    assert [entry.name for entry in onnx.load(finished.folder / QUANTIZED).graph.output] == ["heatmaps"]
    stored = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "zoo"))
    assert stored["use_case"] == "pose"
    assert stored["class_names"][:2] == ["nose", "left_eye"]
    decoding = stored["decoding"]
    assert (decoding["family"], decoding["keypoints"], len(decoding["bindings"])) == ("heatmaps_spe", 17, 19)
    assert (decoding["heatmap_height"], decoding["heatmap_width"]) == (16, 16)


@pytest.mark.parametrize(("model", "kind"), [("float", "float"), ("int8", "quantized")])
def test_reported_numbers_are_those_of_the_results(finished, shapes, model, kind):
    (results,) = finished.folder.glob(f"stages/*_evaluation/{kind}_model_test_set_keypoints.json")
    found = finished.metrics(model=model)
    assert len(json.loads(results.read_text())) == 8
    assert found["oks"] > 0
    assert found["oks"] == pytest.approx(mean_similarity(shapes / "pose/train", results), rel=1e-4)
    wanted = official(shapes / "pose/train", results)
    for name, place in NUMBERS.items():
        assert found[name] == pytest.approx(wanted[place], abs=0.05), name


def test_log_has_the_keys_of_st(finished):
    log = (finished.folder / "stm32ai_main.log").read_text()
    for model, kind in (("float", "float"), ("int8", "quantized")):
        assert f"{kind}_OKS : {finished.metrics(model=model)['oks']:.2f}" in log


def test_the_history_has_losses_and_the_monitor(finished):
    with (finished.folder / "saved_models/summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {"train_loss", "train_heatmap_loss", "val_loss", "val_oks", "val_pck", "val_map"} <= set(rows[0])
    best = max(float(row["val_oks"]) for row in rows)
    assert finished.metrics("training", "validation")["oks"] == pytest.approx(best, rel=1e-5)


def refuse(*_, **__):
    msg = "far enough"
    raise UserError(msg)


@pytest.fixture
def _no_export(monkeypatch):
    """Stop a run after its training: the export is the slowest part, and not needed."""
    monkeypatch.setattr("zoo_core.export.onnx_export.export_onnx", refuse)


@pytest.mark.usefixtures("_no_export")
def test_training_goes_on_after_an_interruption(finished, texts, zoo, monkeypatch):
    """Six updates of eight, an interruption, and the rest: the weights are those of the straight training."""
    from zoo_pose.loss.criterion import HeatmapLoss

    forward, calls = HeatmapLoss.forward, []

    def interrupted(self, *given):
        calls.append(self.training)
        if sum(calls) > 6:
            raise KeyboardInterrupt
        return forward(self, *given)

    monkeypatch.setattr(HeatmapLoss, "forward", interrupted)
    first = zoo(texts.training())
    assert first.code == 130, first.text
    assert "zoo run --resume" in first.text
    saved = first.folder / "saved_models"
    assert (saved / "checkpoint-1.pt").is_file()
    assert not (saved / "checkpoint-2.pt").exists()
    monkeypatch.setattr(HeatmapLoss, "forward", forward)
    again = zoo.resume(first.folder)
    assert "far enough" in again.text
    for name in ("last_model.pt", "best_model.pt"):
        ours, theirs = (read_weights(folder / name).state_dict for folder in (saved, finished.folder / "saved_models"))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items()), name


@pytest.mark.usefixtures("_no_export")
def test_resume_training_from_goes_on_with_more_epochs(finished, texts, zoo):
    path = finished.folder / "saved_models/last_model.pt"
    text = texts.training().replace("  epochs: 2", f"  epochs: 3\n  resume_training_from: {path}")
    answer = zoo(text)
    assert "far enough" in answer.text
    with (answer.folder / "saved_models/summary.csv").open() as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3"]


@pytest.mark.usefixtures("_no_export")
def test_frozen_layers_stay_as_they_were(finished, texts, zoo):
    """All but the last layer frozen: of the weights only those of the last layer change."""
    start = finished.folder / "saved_models/best_model.pt"
    text = texts.training().replace("  epochs: 2", "  epochs: 1\n  frozen_layers: (0:-1)")
    answer = zoo(text.replace("alpha: 0.35", f"alpha: 0.35, model_path: {start}"))
    assert "far enough" in answer.text, answer.text
    last_path = answer.folder / "saved_models/last_model.pt"
    before, after = (read_weights(path).state_dict for path in (start, last_path))
    kinds = ("weight", "bias")
    changed = [name for name in before if name.endswith(kinds) and not torch.equal(before[name], after[name])]
    last = [name for name in before if name.endswith(kinds)][-1].rpartition(".")[0]
    assert changed
    assert all(name.startswith(last) for name in changed), (last, changed)


def test_evaluation_of_the_float_file_repeats_the_chain(finished, texts, zoo):
    answer = zoo(texts.use("evaluation", exported(finished.folder)))
    assert answer.code == 0, answer.text
    assert answer.metrics() == pytest.approx(finished.metrics())


def test_evaluation_of_a_checkpoint_agrees_with_the_exported_file(finished, texts, zoo):
    answer = zoo(texts.use("evaluation", finished.folder / "saved_models/best_model.pt"))
    assert answer.code == 0, answer.text
    assert answer.metrics()["oks"] == pytest.approx(finished.metrics()["oks"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "pt"])
def test_evaluation_quantization_evaluation(finished, texts, zoo, kind):
    path = exported(finished.folder) if kind == "onnx" else finished.folder / "saved_models/best_model.pt"
    answer = zoo(texts.use("chain_eqe", path, "quantization: {quantizer: onnx_quantizer}\n"))
    assert answer.code == 0, answer.text
    for model in ("float", "int8"):
        assert answer.metrics(model=model)["oks"] == pytest.approx(finished.metrics(model=model)["oks"], abs=1e-3)


def predictions(answer):
    return json.loads((answer.folder / "predictions.json").read_text())["predictions"]


def test_predictions_for_a_folder(finished, shapes, texts, zoo):
    folder = shapes / "pose/test"
    answer = zoo(texts.use("prediction", exported(finished.folder), data=f"dataset: {{prediction_path: {folder}}}\n"))
    assert answer.code == 0, answer.text
    records = predictions(answer)
    names = sorted(path.name for path in folder.glob("*.jpg"))
    assert [record["image"].rpartition("/")[2] for record in records] == names
    for record in records:
        (pose,) = record["poses"]
        points = np.array(pose["keypoints"])
        assert points.shape == (17, 3)
        assert ((points[:, :2] >= -4) & (points[:, :2] <= 68)).all()
        assert pose["score"] == pytest.approx(points[:, 2].mean(), abs=1e-5)
        with Image.open(answer.folder / "predictions" / record["picture"]) as picture:
            assert picture.size == (64, 64)
    rows = json.loads((answer.folder / "predictions_coco.json").read_text())
    assert [row["image_id"] for row in rows] == [int(name.partition(".")[0]) for name in names]
    assert [len(row["keypoints"]) for row in rows] == [51, 51]
    with (answer.folder / "predictions.csv").open() as stream:
        assert [row["count"] for row in csv.DictReader(stream)] == ["1", "1"]


def test_predictions_for_a_video(finished, shapes, texts, zoo, tmp_path):
    """A film of the pictures of a folder; each frame has its poses."""
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    frames = sorted((shapes / "pose/train").glob("*.jpg"))[:3]
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        for frame in frames:
            with Image.open(frame) as picture:
                film.mux(stream.encode(av.VideoFrame.from_image(picture.convert("RGB"))))
        film.mux(stream.encode())
    answer = zoo(texts.use("prediction", exported(finished.folder), data=f"dataset: {{prediction_path: {path}}}\n"))
    assert answer.code == 0, answer.text
    records = predictions(answer)
    assert len(records) == len(frames)
    assert all(len(record["poses"]) == 1 for record in records)


OWN = """\
  keypoints: 5
  keypoint_names: [top, left_hand, right_hand, left_foot, right_foot]
  skeleton: [[top, left_hand], [top, right_hand], [1, 3], [2, 4]]
  flip_pairs: [[left_hand, right_hand], [3, 4]]
  sigmas: [0.03, 0.06, 0.06, 0.09, 0.09]
"""
KEPT = (0, 9, 10, 15, 16)
"""Nose, wrists and ankles."""


@pytest.fixture
def five(shapes, tmp_path):
    """The drawn persons with five keypoints of the user's own."""
    for split in ("train", "val"):
        folder = tmp_path / "five" / split
        shutil.copytree(shapes / "pose" / split, folder)
        for path in folder.glob("*.txt"):
            lines = []
            for line in path.read_text().splitlines():
                words = line.split()
                lines.append(" ".join([*words[:5], *(word for k in KEPT for word in words[5 + 3 * k : 8 + 3 * k])]))
            path.write_text("\n".join(lines))
    return tmp_path / "five"


@pytest.mark.slow
def test_keypoints_of_the_users_own(five, texts, zoo):
    paths = {"training_path": "train", "validation_path": "val", "test_path": "val"}
    lines = "".join(f"  {key}: {five / split}\n" for key, split in paths.items())
    data = f"dataset:\n{OWN}{lines}  workers: 0\n"
    answer = zoo(texts.training("chain_tqe", data=data))
    assert answer.code == 0, answer.text
    (results,) = answer.folder.glob("stages/*_evaluation/float_model_test_set_keypoints.json")
    wanted = mean_similarity(five / "val", results, np.array([0.03, 0.06, 0.06, 0.09, 0.09]))
    assert answer.metrics()["oks"] == pytest.approx(wanted, rel=1e-4)
    stored = json.loads(
        next(entry.value for entry in onnx.load(exported(answer.folder)).metadata_props if entry.key == "zoo")
    )
    assert stored["class_names"] == ["top", "left_hand", "right_hand", "left_foot", "right_foot"]
    assert stored["decoding"]["bindings"] == [[0, 1], [0, 2], [1, 3], [2, 4]]
    shown = zoo(
        texts.use("prediction", exported(answer.folder), data=f"dataset: {{prediction_path: {five / 'val'}}}\n"),
        name="shown",
    )
    assert shown.code == 0, shown.text
    assert all(len(record["poses"][0]["keypoints"]) == 5 for record in predictions(shown))


@pytest.mark.usefixtures("_no_export")
def test_thirteen_keypoints_of_coco_files(shapes, texts, zoo):
    lines = ["  format: coco", "  keypoints: 13", "  pose: single", "  workers: 0"]
    for key, split in (("train", "train"), ("val", "train")):
        lines.append(f"  {key}_images_path: {shapes / 'images' / split}")
        lines.append(f"  {key}_annotations_path: {shapes / 'annotations' / f'person_keypoints_{split}.json'}")
    data = "\n".join(["dataset:", *lines, ""])
    answer = zoo(texts.training(data=data).replace("epochs: 2", "epochs: 1"))
    assert "far enough" in answer.text, answer.text
    weights = read_weights(answer.folder / "saved_models/best_model.pt").state_dict
    assert [value.shape[0] for value in weights.values() if value.ndim == 4][-1] == 13


@pytest.mark.usefixtures("_no_export")
def test_tables_of_frames(shapes, texts, zoo, tmp_path):
    """A table as DeepLabCut writes it, of four keypoints with names."""
    names = ["snout", "paw_L", "paw_R", "tail"]
    rows = [
        ["scorer", *["me"] * 8],
        ["bodyparts", *[name for name in names for _ in "xy"]],
        ["coords", *["x", "y"] * 4],
    ]
    for number, path in enumerate(sorted((shapes / "pose/train").glob("*.jpg"))):
        cells = [str(8 + number + 7 * k) for k in range(8)]
        rows.append([path.name, *([*cells[:6], "", ""] if number == 2 else cells)])
    (tmp_path / "frames.csv").write_text("\n".join(",".join(row) for row in rows))
    data = (
        f"dataset:\n  training_path: {shapes / 'pose/train'}\n  train_annotations_path: {tmp_path / 'frames.csv'}\n"
        "  format: csv\n  validation_split: 0.25\n  workers: 0\n"
    )
    answer = zoo(texts.training(data=data).replace("epochs: 2", "epochs: 1"))
    assert "far enough" in answer.text, answer.text
    config = (answer.folder / "stm32ai_main.log").read_text()
    assert "oks" in config
    weights = read_weights(answer.folder / "saved_models/best_model.pt").state_dict
    assert [value.shape[0] for value in weights.values() if value.ndim == 4][-1] == 4


def test_data_check_and_stats(shapes, texts, zoo):
    """The test set of the chain is that of training, which the check must tell."""
    checked = zoo(texts.training(), command="data check", name="twice")
    assert checked.code == 2, checked.text
    assert "8 images stand in more than one split" in checked.flat
    own = texts.training().replace("test_path: ", "prediction_path: ")
    checked = zoo(own, command="data check", name="check")
    assert checked.code == 0, checked.text
    noses = [
        sum(path.read_text().split()[7] != "0" for path in (shapes / "pose" / split).glob("*.txt"))
        for split in ("train", "val")
    ]
    assert f"nose {noses[0]} {noses[1]}" in checked.flat
    stats = zoo(texts.training(), command="data stats", name="stats")
    assert stats.code == 0, stats.text
    assert "mean" in stats.text


def test_data_check_names_file_and_line(shapes, texts, zoo, tmp_path):
    shutil.copytree(shapes / "pose", tmp_path / "pose")
    first, second, third = sorted((tmp_path / "pose/train").glob("*.txt"))[:3]
    first.write_text(f"{first.read_text().rstrip()} 0.5\n")
    second.write_text(second.read_text().replace("0 ", "0 1.7 ", 1).rsplit(" ", 1)[0] + "\n")
    third.unlink()
    answer = zoo(texts.training().replace(str(shapes / "pose"), str(tmp_path / "pose")))
    assert answer.code in (2, 3), answer.text
    assert "Traceback" not in answer.text
    assert f"{first.name}:1: 57 numbers, expected 56" in answer.flat
    assert f"{second.name}:1: cx is 1.7" in answer.flat
    assert third.name in answer.flat


def test_data_preview(texts, zoo, tmp_path):
    answer = zoo(texts.training(), "--output", str(tmp_path / "sheet.png"), command="data preview")
    assert answer.code == 0, answer.text
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert min(sheet.size) > 64


def test_data_convert_there_and_back(shapes, texts, zoo, tmp_path):
    """To COCO's form and back to text files: the same keypoints."""
    coco = zoo(texts.training(), "--to", "coco", "--output", str(tmp_path / "coco"), command="data convert", name="to")
    assert coco.code == 0, coco.text
    files = sorted(path for path in (tmp_path / "coco").rglob("*.json"))
    assert files
    document = json.loads(next(path for path in files if "train" in path.name).read_text())
    assert len(document["annotations"]) == 8
    wanted = truths(shapes / "pose/train")
    found = np.array([row["keypoints"] for row in document["annotations"]]).reshape(8, 17, 3)
    for row, (_, _, points, visible) in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(row[:, 2], visible)
        np.testing.assert_allclose(row[visible > 0, :2], points[visible > 0], atol=0.02)


WRONG = [
    ("keypoints", "keypoints: 17", "keypoints: 13", ["17 keypoints"]),
    ("path", "training_path: ", "training_path: /nowhere", ["training_path", "nowhere"]),
    ("key", "validation_path", "validaton_path", ["validaton_path", "validation_path"]),
    ("model_name", "lightning_heat", "lightening_heat", ["st_movenet_lightning_heatmaps"]),
    ("alpha", "alpha: 0.35", "alpha: -1", ["alpha"]),
    ("input_shape", "[3, 64, 64]", "[3, 60, 64]", ["multiples of", "60x64"]),
    ("activation", "alpha: 0.35", "alpha: 0.35, final_activation: sigmoit", ["final_activation", "sigmoid"]),
    ("target", "training:\n", "training:\n  heatmaps: {target: gausian}\n", ["gausian", "gaussian"]),
    ("model_type", "alpha: 0.35", "alpha: 0.35, model_type: heatmap_spe", ["heatmap_spe", "heatmaps_spe"]),
    ("names", "keypoints: 17", "keypoints: 17\n  keypoint_names: [a, b]", ["keypoint_names", "17"]),
    ("pairs", "keypoints: 17", "keypoints: 17\n  flip_pairs: [[left_ey, right_eye]]", ["left_ey", "left_eye"]),
    ("links", "keypoints: 17", "keypoints: 17\n  skeleton: [[0, 17]]", ["skeleton", "17"]),
    ("sigmas", "keypoints: 17", "keypoints: 17\n  sigmas: [0.1]", ["sigmas", "17"]),
    (
        "monitor",
        "  epochs: 2",
        "  epochs: 2\n  callbacks: {EarlyStopping: {monitor: val_okss}}",
        ["val_okss", "val_oks"],
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_one_message(texts, zoo, old, new, words):
    text = texts.training()
    assert old in text
    answer = zoo(text.replace(old, new, 1))
    assert answer.code in (2, 3), answer.text
    assert "Traceback" not in answer.text
    assert answer.text.count("error:") == 1
    for word in words:
        assert word in answer.flat, answer.text
