"""`zoo run` with detectors: files of a chain, numbers that pycocotools agrees with, resuming, every kind of data."""

from __future__ import annotations

import csv
import io
import json
import shutil
from contextlib import redirect_stdout

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.errors import UserError
from zoo_core.training.checkpoint import read_weights

STEM = "st_yolodv2pico_actrelu_pt"
NUMBERS = ("map", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")
QUANTIZED = f"quantized_models/{STEM}_quant_qdq_pc.onnx"


def exported(run_dir):
    (path,) = (path for path in run_dir.rglob(f"{STEM}.onnx") if "quantized" not in str(path))
    return path


def official(annotations, results):
    """Return the twelve numbers of pycocotools in percent."""
    with redirect_stdout(io.StringIO()):
        truth = COCO(str(annotations))
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * evaluation.stats


@pytest.mark.parametrize(
    "name",
    [
        f"{STEM}/best_ckpt.pth",
        f"{STEM}/latest_ckpt.pth",
        f"{STEM}/epoch_1_ckpt.pth",
        f"{STEM}/epoch_2_ckpt.pth",
        f"{STEM}/summary.csv",
        QUANTIZED,
        "stm32ai_main.log",
        "metrics.json",
        ".hydra/config.yaml",
        "training_curves.png",
    ],
)
def test_files_of_a_chain(finished, name):
    assert (finished.folder / name).stat().st_size > 0


def test_examples_show_every_image_beside_its_labels(finished, shapes):
    folder = finished.folder / "stages/4_evaluation"
    shown = json.loads((folder / "examples.json").read_text())
    truth = json.loads((shapes / "annotations/instances_train.json").read_text())
    boxes = {image["file_name"]: 0 for image in truth["images"]}
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    for row in truth["annotations"]:
        boxes[names[row["image_id"]]] += 1
    assert (shown["model"], shown["split"], shown["images"]) == ("int8", "test", len(boxes))
    assert len(shown["examples"]) == len(boxes)
    for one in shown["examples"]:
        words = one["text"].partition("labelled ")[2].replace("nothing", "0").split()
        assert sum(int(word) for word in words if word.isdecimal()) == boxes[one["image"].split("/")[-1]]
        for picture in (one["picture"], one["truth"]):
            with Image.open(folder / picture) as opened:
                assert max(opened.size) <= 320


def test_charts_sum_up_to_the_metrics(finished):
    document = json.loads((finished.folder / "stages/4_evaluation/quantized_model_test_set_charts.json").read_text())
    precision = document["drawings"][0]
    (mean,) = (series for series in precision["series"] if series["emphasis"])
    assert 100 * np.trapezoid(mean["y"], mean["x"]) == pytest.approx(finished.metrics(model="int8")["st_map"])


def test_outputs_have_names(finished):
    model = onnx.load(exported(finished.folder))
    shapes = {
        output.name: [axis.dim_value for axis in output.type.tensor_type.shape.dim] for output in model.graph.output
    }
    cells = 8 * 8 + 4 * 4 + 2 * 2
    assert {name: shape[1:] for name, shape in shapes.items()} == {
        "boxes": [cells, 4],
        "objectness": [cells, 1],
        "classes": [cells, 6],
    }
    quantized = onnx.load(finished.folder / QUANTIZED)
    assert [output.name for output in quantized.graph.output] == list(shapes)
    stored = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "zoo"))
    assert stored["use_case"] == "detection"
    assert stored["decoding"]["family"] == "st_yolod"
    assert stored["decoding"]["strides"] == [8, 16, 32]


@pytest.mark.parametrize(("model", "kind"), [("float", "float"), ("int8", "quantized")])
def test_reported_numbers_are_those_of_pycocotools(finished, shapes, model, kind):
    (results,) = finished.folder.glob(f"stages/*_evaluation/{kind}_model_test_set_detections.json")
    wanted = official(shapes / "annotations/instances_train.json", results)
    found = finished.metrics(model=model)
    assert len(json.loads(results.read_text())) > 20
    for name, value in zip(NUMBERS, wanted, strict=False):
        assert found.get(name, -100.0) == pytest.approx(value, abs=1e-9), name
    assert found["ar_100"] > 0  # something to compare


def test_log_has_the_keys_of_st(finished):
    log = (finished.folder / "stm32ai_main.log").read_text()
    for model, kind in (("float", "float"), ("int8", "quantized")):
        found = finished.metrics(model=model)
        for key in ("map", "mpre", "mrec"):
            assert f"{kind}_model_{key} : {found[f'st_{key}']:.2f}" in log


def test_losses_have_columns(finished):
    with (finished.folder / STEM / "summary.csv").open() as stream:
        first, last = csv.DictReader(stream)
    assert {"train_iou_loss", "train_conf_loss", "train_cls_loss", "train_l1_loss", "val_map"} <= set(first)
    assert float(first["train_l1_loss"]) == 0 < float(last["train_l1_loss"])  # on in the last epoch only


def test_training_goes_on_after_an_interruption(finished, texts, zoo, monkeypatch):
    """Six updates of eight, an interruption, and the rest: the weights are those of the straight training."""
    from zoo_detection.loss.yolod import YolodLoss

    forward, calls = YolodLoss.forward, []

    def interrupted(self, *given):
        calls.append(self.training)
        if sum(calls) > 6:
            raise KeyboardInterrupt
        return forward(self, *given)

    def refuse(*_, **__):
        msg = "far enough"
        raise UserError(msg)

    monkeypatch.setattr(YolodLoss, "forward", interrupted)
    monkeypatch.setattr("zoo_core.export.onnx_export.export_onnx", refuse)  # the slowest part, and not needed
    first = zoo(f"operation_mode: training\n{texts.data}{texts.trained}")
    assert first.code == 130, first.text
    assert "zoo run --resume" in first.text
    assert (first.folder / STEM / "epoch_1_ckpt.pth").is_file()
    assert not (first.folder / STEM / "epoch_2_ckpt.pth").exists()
    monkeypatch.setattr(YolodLoss, "forward", forward)
    again = zoo.resume(first.folder)
    assert "far enough" in again.text
    for name in ("latest_ckpt.pth", "best_ckpt.pth"):
        ours, theirs = (read_weights(folder / STEM / name).state_dict for folder in (first.folder, finished.folder))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items()), name


def use(mode, model, texts, *, data=None, more=""):
    section = texts.data if data is None else data
    return f"operation_mode: {mode}\n{section}{texts.used}model: {{model_path: {model}}}\n{more}"


def test_evaluation_of_the_float_file_repeats_the_chain(finished, texts, zoo):
    answer = zoo(use("evaluation", exported(finished.folder), texts))
    assert answer.code == 0, answer.text
    assert answer.metrics() == pytest.approx(finished.metrics())


def test_evaluation_of_a_checkpoint_agrees_with_the_exported_file(finished, texts, zoo):
    path = finished.folder / STEM / "best_ckpt.pth"
    text = use("evaluation", path, texts).replace("model: {", f"model: {{model_name: {STEM}, ")
    answer = zoo(text)
    assert answer.code == 0, answer.text
    found, wanted = answer.metrics(), finished.metrics()
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=0.5)


def test_predictions_for_a_folder_a_file_and_a_coco_file(finished, shapes, texts, zoo):
    folder, annotations = shapes / "images/test", shapes / "annotations/instances_test.json"
    names = sorted(path.name for path in folder.iterdir())
    given = {"folder": (folder, names), "file": (folder / names[1], names[1:]), "coco": (annotations, names)}
    rows = {}
    for kind, (path, wanted) in given.items():
        data = f"{texts.data}  prediction_path: {path}\n".replace("images/val", "images/test")
        answer = zoo(use("prediction", exported(finished.folder), texts, data=data), name=kind)
        assert answer.code == 0, answer.text
        records = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
        assert [record["image"].rpartition("/")[2] for record in records] == wanted
        for record in records:
            with Image.open(answer.folder / "predictions" / record["picture"]) as picture:
                assert picture.size == (64, 64)
        rows[kind] = json.loads((answer.folder / "predictions_coco.json").read_text())
        assert len(rows[kind]) == sum(record["count"] for record in records) > 0
        with redirect_stdout(io.StringIO()):
            COCO(str(annotations)).loadRes(str(answer.folder / "predictions_coco.json"))
    assert rows["folder"] == rows["coco"]
    assert [row for row in rows["folder"] if row["image_id"] == 2] == rows["file"]


def test_without_a_smallest_score_only_sure_boxes_are_shown(finished, shapes, texts, zoo):
    data = f"dataset: {{prediction_path: {shapes / 'images/test'}}}\n"
    text = use("prediction", exported(finished.folder), texts, data=data)
    answer = zoo(text.replace("postprocessing: {confidence_thresh: 0.00001}\n", ""))
    assert answer.code == 0, answer.text
    records = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
    assert all(one["score"] >= 0.5 for record in records for one in record["detections"])


@pytest.mark.slow
def test_decoding_inside_the_graph_changes_no_number(finished, texts, zoo):
    """Training goes on from the weights of the chain at a rate of nearly nothing, to be exported again."""
    start = finished.folder / STEM / "best_ckpt.pth"
    text = f"operation_mode: training\n{texts.data}{texts.trained}".replace("  epochs: 2", "  epochs: 1")
    text = text.replace("input_shape: [3, 64, 64]", f"model_path: {start}, decode: inside").replace("0.003", "1.0e-12")
    trained = zoo(text, name="trained")
    assert trained.code == 0, trained.text
    path = exported(trained.folder)
    outputs = onnxruntime.InferenceSession(path).run(None, {"input": np.zeros((1, 3, 64, 64), np.float32)})
    assert [output.shape for output in outputs] == [(1, 84, 4), (1, 84, 6)]
    state = trained.folder / STEM / "latest_ckpt.pth"
    inside = zoo(use("evaluation", path, texts), name="inside")
    weights = zoo(use("evaluation", state, texts).replace("model: {", f"model: {{model_name: {STEM}, "), name="weights")
    assert inside.code == weights.code == 0, inside.text + weights.text
    assert inside.metrics() == pytest.approx(weights.metrics(), abs=0.5)


SSD = """\
general: {seed: 7, num_threads: 1}
model: {model_name: ssdlite_mobilenetv3small_pt, input_shape: [3, 96, 96]}
postprocessing: {confidence_thresh: 0.05}
training: {epochs: 1, batch_size: 4}
quantization: {quantizer: onnx_quantizer}
"""


@pytest.mark.slow
def test_ssd_is_trained_quantized_and_evaluated(shapes, texts, zoo):
    answer = zoo(f"operation_mode: chain_tqe\n{texts.data}{SSD}")
    assert answer.code == 0, answer.text
    with next(answer.folder.rglob("summary.csv")).open() as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["train_regression_loss"]) + float(row["train_classification_loss"]) == pytest.approx(
        float(row["train_loss"]), rel=1e-4
    )
    model = onnx.load(next(answer.folder.rglob("ssdlite_mobilenetv3small_pt.onnx")))
    assert [output.name for output in model.graph.output] == ["boxes", "scores"]
    (results,) = answer.folder.glob("stages/*_evaluation/float_model_test_set_detections.json")
    found = answer.metrics()
    for name, value in zip(NUMBERS, official(shapes / "annotations/instances_train.json", results), strict=False):
        assert found.get(name, -100.0) == pytest.approx(value, abs=1e-9), name


@pytest.mark.slow
def test_pascal_voc_is_trained_evaluated_and_predicted(shapes, texts, zoo, tmp_path):
    """A set that the converter wrote: the same boxes, up to whole pixels."""
    from zoo_core.config.load import load_config
    from zoo_core.plugins import get_catalog
    from zoo_core.protocols import DataRequest
    from zoo_core.training.silence import SilentProgress
    from zoo_detection.data.build import build
    from zoo_detection.data.writers import write_voc

    config = tmp_path / "coco.yaml"
    config.write_text(f"operation_mode: training\n{texts.data}{texts.trained}")
    section = load_config(config, (), catalog=get_catalog()).config.dataset
    datasets = build(section, DataRequest(splits=frozenset({"train", "validation", "test"}), seed=1))
    (tmp_path / "voc").mkdir()
    written = write_voc(datasets, tmp_path / "voc", link=False, progress=SilentProgress())
    lines = "".join(
        f"  {key}: {value if key == 'format' else tmp_path / 'voc' / value}\n" for key, value in written.section.items()
    )
    data = f"dataset:\n{lines}  class_names: {json.dumps(texts.classes)}\n  workers: 0\n".replace('"', "")
    answer = zoo(
        f"operation_mode: chain_tqe\n{data}{texts.trained}".replace("  epochs: 2", "  epochs: 1"), name="voc_run"
    )
    assert answer.code == 0, answer.text
    path = exported(answer.folder)
    again = zoo(use("evaluation", path, texts, data=data), name="again")
    assert again.code == 0, again.text
    assert again.metrics() == pytest.approx(answer.metrics())
    shown = zoo(
        use("prediction", path, texts, data=f"dataset: {{prediction_path: {tmp_path / 'voc/JPEGImages'}}}\n"),
        name="shown",
    )
    assert shown.code == 0, shown.text
    assert (
        len(json.loads((shown.folder / "predictions.json").read_text())["predictions"]) == 10
    )  # eight to train and test, two to validate


@pytest.mark.slow
def test_two_processes_train_together(texts, zoo):
    text = f"operation_mode: training\n{texts.data}{texts.trained}".replace("  epochs: 2", "  epochs: 1\n  devices: 2")
    answer = zoo(text.replace("model_ema: False", "model_ema: True"))
    assert answer.code == 0, answer.text
    with (answer.folder / STEM / "summary.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["train_loss"]) > 0
    assert row["val_map"]


WRONG = [
    ("class_names", "  workers: 0\n", "  workers: 0\n  class_names: [person, cirle]\n", ["cirle", "circle"]),
    (
        "annotations",
        "train_annotations_path: ",
        "train_annotations_path: /nowhere/",
        ["train_annotations_path", "nowhere"],
    ),
    ("key", "val_annotations_path", "val_anotations_path", ["val_anotations_path", "val_annotations_path"]),
    ("model_name", "v2pico_", "v2pcio_", ["st_yolodv2pico_actrelu_pt"]),
    ("input_shape", "[3, 64, 64]", "[3, 60, 64]", ["multiples of 32", "60x64"]),
    ("schedule", "lr: 0.003", "lr: 0.003, sched: cosine", ["cosine", "yoloxwarmcos"]),
    ("trainer", "training:\n", "training:\n  trainer: yolo\n", ["yolod"]),
    ("trainer of others", "training:\n", "training:\n  trainer: ssd\n", ["no_aug_epochs"]),
    ("probability", "{multiscale_range: 0}", "{mosaic_prob: 1.5}", ["mosaic_prob"]),
    ("scales", "{multiscale_range: 0}", "{mosaic_scale: [2, 1]}", ["mosaic_scale", "smaller"]),
    ("anchors", "{confidence_thresh: 0.00001}", "{yolo_anchors: [1, 2]}", ["yolo_anchors", "no anchors"]),
    ("model_type", "input_shape", "model_type: yolov9, input_shape", ["yolov9", "yolov8"]),
    ("other model_type", "input_shape", "model_type: yolov8n, input_shape", ["yolov8"]),
    ("decode", "input_shape", "decode: insite, input_shape", ["decode", "inside"]),
    ("format", "format: coco", "format: voc", ["annotations"]),
]


@pytest.mark.parametrize(("old", "new", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_one_message(texts, zoo, old, new, words):
    text = f"operation_mode: training\n{texts.data}{texts.trained}"
    assert old in text
    answer = zoo(text.replace(old, new, 1))
    assert answer.code in (2, 3), answer.text
    assert "Traceback" not in answer.text
    assert answer.text.count("error:") == 1
    for word in words:
        assert word in answer.text, answer.text


def test_data_without_annotations_is_one_message(shapes, texts, zoo, tmp_path):
    shutil.copytree(shapes, tmp_path / "copy")
    path = tmp_path / "copy/annotations/instances_train.json"
    document = json.loads(path.read_text())
    text = f"operation_mode: training\n{texts.data}{texts.trained}".replace(str(shapes), str(tmp_path / "copy"))
    faults = {
        "broken": ("{", "instances_train.json"),
        "other": (json.dumps([1, 2]), "instances_train.json"),
        "absent": (
            json.dumps(document | {"images": [*document["images"], {"id": 99, "file_name": "no.jpg"}]}),
            "no.jpg",
        ),
        "box": (
            json.dumps(document | {"annotations": [{**document["annotations"][0], "bbox": [1, 2, 3]}]}),
            "bbox",
        ),
        "image": (
            json.dumps(document | {"annotations": [{**document["annotations"][0], "image_id": 777}]}),
            "777",
        ),
    }
    for name, (content, word) in faults.items():
        path.write_text(content)
        answer = zoo(text, name=name)
        assert answer.code in (2, 3), f"{name}: {answer.text}"
        assert word in answer.text, answer.text
        assert "Traceback" not in answer.text
