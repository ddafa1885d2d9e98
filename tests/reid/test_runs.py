"""`zoo run` with embedders: files of a chain, the same numbers from every file of a model, searches, resuming."""

from __future__ import annotations

import csv
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from zoo_core.errors import UserError
from zoo_core.training.checkpoint import read_weights

STEM = "mobilenetv1_a025"
CHANNELS = 256
FLOAT = f"saved_models/{STEM}/{STEM}.onnx"
QUANTIZED = f"quantized_models/{STEM}_quant_qdq_pc.onnx"
HEADLESS, WHOLE, LAST = (
    f"saved_models/{name}.pt" for name in ("best_model", "best_model_classification", "last_model")
)
NUMBERS = ("map", "minp", "rank1", "rank5", "rank10")
INTERVALS = ("map_low", "map_high", "rank1_low", "rank1_high")
SMALL = ("epochs: 2", "epochs: 1")
UPDATES = 6 * 2 * 4 // 6
"""Of the training persons, all pictures by both cameras, in batches of six."""


def embeddings(path, images):
    """Return what an ONNX file makes of images of shape (N, 3, H, W)."""
    session = onnxruntime.InferenceSession(path)
    (output,) = session.get_outputs()
    assert output.name == "embedding"
    return np.concatenate([session.run(None, {session.get_inputs()[0].name: image[None]})[0] for image in images])


def pixels(folder):
    """Return names and pixels from -1 to 1 of the pictures of a folder."""
    paths = sorted(folder.iterdir())
    images = [np.asarray(Image.open(path), np.float32).transpose(2, 0, 1) / 127.5 - 1 for path in paths]
    return [path.name for path in paths], images


def unit(path, images):
    """Return embeddings of length 1."""
    rows = embeddings(path, images)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


# --- the files of a chain ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        HEADLESS,
        WHOLE,
        LAST,
        FLOAT,
        QUANTIZED,
        "training_curves.png",
        "float_model_reid_rank_curve.png",
        "quantized_model_reid_rank_curve.png",
        "float_model_reid_distance_histogram.png",
        "quantized_model_reid_distance_histogram.png",
        "stm32ai_main.log",
        "metrics.json",
        ".hydra/config.yaml",
    ],
)
def test_files_of_a_chain(finished, name):
    assert (finished.folder / name).stat().st_size > 0


def test_the_best_model_has_no_identity_head(finished):
    headless, whole = (read_weights(finished.folder / name).state_dict for name in (HEADLESS, WHOLE))
    assert set(whole) - set(headless) == {"classifier.weight", "classifier.bias"}
    assert whole["classifier.weight"].shape == (6, CHANNELS)  # two of eight persons validate
    assert headless.keys() < whole.keys()
    assert all(torch.equal(value, whole[name]) for name, value in headless.items())


def test_examples_show_every_query_with_its_score(finished):
    folder = finished.folder / "stages/4_evaluation"
    shown = json.loads((folder / "examples.json").read_text())
    table = (finished.folder / "quantized_model_reid_per_query.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    scores = [100 * one["score"] for one in shown["examples"]]
    assert sorted(scores) == pytest.approx(sorted(float(row["ap"]) for row in rows), abs=0.01)
    assert shown["right"] == sum(row["first_right"] == "1" for row in rows)
    for one in shown["examples"]:
        assert "/query/" in one["image"]
        person = one["image"].split("/")[-1].partition("_")[0]
        assert one["text"].endswith("which is right" if one["right"] else f"is {person}")
        assert one["right"] == one["text"].startswith(f"found {person} first")
        with Image.open(folder / one["picture"]) as picture:
            assert picture.width == 320  # the query and three answers


def test_files_for_others_name_nobody(finished):
    for name in (FLOAT, QUANTIZED):
        model = onnx.load(finished.folder / name)
        (output,) = model.graph.output
        assert output.name == "embedding"
        assert output.type.tensor_type.shape.dim[1].dim_value == CHANNELS
        stored = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "zoo"))
        assert stored["use_case"] == "reid"
        assert not stored.get("class_names")
        assert {key: stored["decoding"][key] for key in ("family", "features", "normalized")} == {
            "family": "embedding", "features": CHANNELS, "normalized": False,
        }  # fmt: skip


@pytest.mark.parametrize("model", ["float", "int8"])
def test_metrics_and_keys_of_st(finished, model):
    found = finished.metrics(model=model)
    assert set(found) == {*NUMBERS, *INTERVALS}
    assert all(0 <= value <= 100 for value in found.values())
    assert found["rank1"] <= found["rank5"] <= found["rank10"]
    assert found["map_low"] <= found["map"] <= found["map_high"]
    log = (finished.folder / "stm32ai_main.log").read_text()
    kind = {"float": "float", "int8": "int"}[model]
    for name, key in (("map", "mAP"), ("rank1", "acc_rank1"), ("rank5", "acc_rank5"), ("rank10", "acc_rank10")):
        assert f"{kind}_{key}_test_set : {found[name]:.2f}" in log


def test_reported_numbers_are_those_of_a_plain_search(finished, persons):
    """Embed with onnxruntime, order with numpy, leave out pictures of the same person by the same camera."""
    names, images = pixels(persons / "query")
    others, gallery = pixels(persons / "gallery")
    path = finished.folder / FLOAT
    precisions, firsts = [], []
    for name, distances in zip(names, 1 - unit(path, images) @ unit(path, gallery).T, strict=True):
        order = [others[place] for place in np.argsort(distances, kind="stable")]
        order = [other for other in order if other[:7] != name[:7]]  # 0009_c1
        right = np.array([other[:4] == name[:4] for other in order])
        places = np.flatnonzero(right)
        precisions.append(np.mean((1 + np.arange(len(places))) / (1 + places)))
        firsts.append(places[0])
    found = finished.metrics()
    assert found["map"] == pytest.approx(100 * np.mean(precisions), abs=1e-6)
    for rank in (1, 5, 10):
        assert found[f"rank{rank}"] == pytest.approx(100 * np.mean(np.array(firsts) < rank), abs=1e-6)


def test_losses_and_accuracy_have_columns(finished):
    with (finished.folder / "saved_models/summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2
    for row in rows:
        parts = float(row["train_identity_loss"]) + float(row["train_triplet_loss"])
        assert float(row["train_loss"]) == pytest.approx(parts, rel=1e-4)
        assert {"train_accuracy", "val_map", "val_rank1", "val_loss"} <= row.keys()
        assert "val_accuracy" not in row  # nobody of the validation is trained on


# --- the same numbers from every file of a model ---------------------------------------------------------------------


@pytest.mark.parametrize("name", [HEADLESS, WHOLE, FLOAT])
def test_every_file_of_a_model_gives_the_same_numbers(finished, texts, zoo, name):
    path = finished.folder / name
    text = texts.use("evaluation", path)
    if path.suffix == ".pt":
        text = text.replace("model: {", f"model: {{model_name: {STEM}, ")
    answer = zoo(text)
    assert answer.code == 0, answer.text
    assert answer.metrics() == pytest.approx(finished.metrics(), abs=1e-3)


@pytest.mark.parametrize("name", [HEADLESS, FLOAT])
def test_evaluate_quantize_evaluate(finished, texts, zoo, name):
    """Also without `model_name`: the file says it."""
    text = texts.use("chain_eqe", finished.folder / name, "quantization: {quantizer: onnx_quantizer}\n")
    answer = zoo(text)
    assert answer.code == 0, answer.text
    assert answer.metrics() == pytest.approx(finished.metrics(), abs=1e-3)
    assert answer.metrics(model="int8") == pytest.approx(finished.metrics(model="int8"), abs=1e-3)
    assert (answer.folder / "float_model_reid_rank_curve.png").is_file()
    assert (answer.folder / "quantized_model_reid_rank_curve.png").is_file()


def test_mirror_images_are_averaged(finished, texts, zoo):
    text = texts.use("evaluation", finished.folder / FLOAT).replace("bootstrap: 20", "bootstrap: 0, tta: 2")
    answer = zoo(text)
    assert answer.code == 0, answer.text
    assert set(answer.metrics()) == set(NUMBERS)
    assert answer.metrics()["map"] != pytest.approx(finished.metrics()["map"], abs=1e-9)


def test_reranking_and_the_other_distance(finished, texts, zoo):
    keys = "bootstrap: 0, reranking: True, reranking_k1: 4, reranking_k2: 2, reid_distance_metric: euclidean"
    answer = zoo(texts.use("evaluation", finished.folder / FLOAT).replace("bootstrap: 20", keys))
    assert answer.code == 0, answer.text
    found = answer.metrics()
    assert set(found) == {*NUMBERS, *(f"reranked_{name}" for name in NUMBERS)}
    # The order by either distance between embeddings of length 1 is the same.
    assert {name: found[name] for name in NUMBERS} == pytest.approx(
        {name: finished.metrics()[name] for name in NUMBERS}, abs=1e-6
    )


def test_pictures_by_the_same_camera_count_where_it_is_asked_for(finished, texts, zoo):
    answer = zoo(texts.use("evaluation", finished.folder / FLOAT).replace("bootstrap: 20", "same_camera: keep"))
    assert answer.code == 0, answer.text
    assert answer.metrics()["rank1"] >= finished.metrics()["rank1"]
    assert answer.metrics()["map"] != pytest.approx(finished.metrics()["map"], abs=1e-9)


def test_without_a_test_set_the_validation_set_is_searched(finished, persons, texts, zoo):
    data = f"dataset: {{dataset_name: flat, validation_path: {persons / 'gallery'}, workers: 0}}\n"
    answer = zoo(texts.use("evaluation", finished.folder / FLOAT, data=data))
    assert answer.code == 0, answer.text
    (stage,) = json.loads((answer.folder / "metrics.json").read_text())["stages"].values()
    assert {row["split"] for row in stage} <= {"test", "validation"}
    assert any(row["name"] == "rank1" for row in stage)


# --- searches --------------------------------------------------------------------------------------------------------


def test_predictions(finished, persons, texts, zoo):
    data = (
        f"dataset: {{dataset_name: flat, prediction_query_path: {persons / 'query'}, "
        f"prediction_gallery_path: {persons / 'gallery'}, workers: 0}}\nprediction: {{ranks: 3}}\n"
    )
    path = finished.folder / FLOAT
    answer = zoo(texts.use("prediction", path, data=data))
    assert answer.code == 0, answer.text
    records = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
    names, images = pixels(persons / "query")
    others, gallery = pixels(persons / "gallery")
    distances = 1 - unit(path, images) @ unit(path, gallery).T
    assert [record["image"].rpartition("/")[2] for record in records] == names
    for record, row in zip(records, distances, strict=True):
        assert [match["distance"] for match in record["matches"]] == pytest.approx(np.sort(row)[:3], abs=1e-5)
        first = record["matches"][0]
        assert first["image"].rpartition("/")[2] == others[int(np.argmin(row))]
        assert record["identity"] == first["identity"] == first["image"].rpartition("/")[2][:4]
        assert record["true_identity"] == record["image"].rpartition("/")[2][:4]
        assert record["right"] is (record["identity"] == record["true_identity"])
        with Image.open(answer.folder / "predictions" / record["picture"]) as strip:
            assert strip.width > 4 * strip.height / 4  # the query and three matches beside each other


def test_prediction_of_one_picture_of_nobody_known(finished, persons, texts, zoo, tmp_path):
    Image.open(next((persons / "query").iterdir())).save(tmp_path / "visitor.png")
    data = (
        f"dataset: {{dataset_name: flat, prediction_query_path: {tmp_path / 'visitor.png'}, "
        f"prediction_gallery_path: {persons / 'gallery'}, workers: 0}}\n"
    )
    answer = zoo(texts.use("prediction", finished.folder / FLOAT, data=data))
    assert answer.code == 0, answer.text
    (record,) = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
    assert (record["true_identity"], record["right"]) == (None, None)
    assert len(record["matches"]) == 10


# --- training --------------------------------------------------------------------------------------------------------


def refuse_export(*_, **__):
    msg = "far enough"
    raise UserError(msg)


@pytest.fixture
def without_export(monkeypatch):
    """Stop trainings before the export, which takes longest."""
    monkeypatch.setattr("zoo_core.export.onnx_export.export_onnx", refuse_export)


@pytest.mark.usefixtures("without_export")
def test_training_goes_on_after_an_interruption(finished, texts, zoo, monkeypatch):
    """An interruption in the second epoch, and the rest: the weights are those of the straight training."""
    from zoo_reid.loss.criterion import ReidLoss

    forward, calls = ReidLoss.forward, []

    def interrupted(self, *given):
        calls.append(self.training)
        if sum(calls) > UPDATES + 3:
            raise KeyboardInterrupt
        return forward(self, *given)

    monkeypatch.setattr(ReidLoss, "forward", interrupted)
    first = zoo(texts.training())
    assert first.code == 130, first.text
    assert "zoo run --resume" in first.text
    monkeypatch.setattr(ReidLoss, "forward", forward)
    again = zoo.resume(first.folder)
    assert "far enough" in again.text
    for name in (LAST, WHOLE, HEADLESS):
        ours, theirs = (read_weights(folder / name).state_dict for folder in (first.folder, finished.folder))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items()), name


def summary(answer):
    with (answer.folder / "saved_models/summary.csv").open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.usefixtures("without_export")
def test_training_starts_from_the_embedder_of_other_persons(finished, persons, texts, zoo):
    """Weights without an identity head start a training on persons whose number is another."""
    data = f"dataset: {{dataset_name: flat, training_path: {persons / 'gallery'}, validation_split: 0.5, workers: 0}}\n"
    text = f"operation_mode: training\n{data}{texts.trained}".replace(*SMALL)
    answer = zoo(
        text.replace("model: {", f"model: {{model_path: {finished.folder / HEADLESS}, ").replace("0.003", "1.0e-12")
    )
    assert "far enough" in answer.text, answer.text
    ours = read_weights(answer.folder / WHOLE).state_dict
    theirs = read_weights(finished.folder / HEADLESS).state_dict
    assert ours["classifier.weight"].shape == (2, CHANNELS)
    weights = [name for name in theirs if name.endswith("weight")]
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in weights)


STOP = "  callbacks: {EarlyStopping: {monitor: val_accuracy, mode: max, patience: 1, restore_best_weights: true}}\n"


@pytest.mark.usefixtures("without_export")
@pytest.mark.parametrize(
    ("by", "column", "meant"), [("image", "val_accuracy", "accuracy"), ("identity", "val_rank1", "rank1")]
)
def test_early_stopping_of_st_works_with_both_divisions(texts, zoo, by, column, meant):
    """Persons of the training are told right or wrong; of others, rank 1 stands for the accuracy."""
    text = texts.training().replace("validation_split: 0.25", f"validation_split: 0.25\n  validation_split_by: {by}")
    text = text.replace("  batch_size: 6\n", f"  batch_size: 6\n{STOP}").replace("epochs: 2", "epochs: 30")
    answer = zoo(text.replace("lr: 0.003", "lr: 1.0e-12"))
    assert "far enough" in answer.text, answer.text
    rows = summary(answer)
    assert 2 <= len(rows) < 30  # nothing is learnt, so it ends at once
    assert all(row[column] for row in rows)
    assert ("val_accuracy" in rows[0]) is (by == "image")
    assert f"val_accuracy is taken to be {meant}." in answer.flat


@pytest.mark.slow
def test_neck_size_and_length_inside(persons, texts, zoo):
    """An embedder with everything that the `model` section has: from training to the quantized file."""
    keys = "neck: bnneck, embedding_size: 24, normalize: inside, input_shape"
    text = f"operation_mode: chain_tqe\n{texts.data}{texts.trained}".replace("input_shape", keys)
    answer = zoo(text)
    assert answer.code == 0, answer.text
    _, images = pixels(persons / "query")
    for name, near in ((FLOAT, 1e-5), (QUANTIZED, 0.05)):
        rows = embeddings(answer.folder / name, images)
        assert rows.shape == (len(images), 24)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=near)
    stored = onnx.load(answer.folder / FLOAT).metadata_props
    decoding = json.loads(next(entry.value for entry in stored if entry.key == "zoo"))["decoding"]
    assert (decoding["features"], decoding["normalized"]) == (24, True)
    text = texts.use("evaluation", answer.folder / HEADLESS)
    again = zoo(text.replace("model: {", "model: {neck: bnneck, embedding_size: 24, normalize: inside, "), name="again")
    assert again.code == 0, again.text
    assert again.metrics() == pytest.approx(answer.metrics(), abs=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("without_export")
def test_a_checkpoint_says_its_neck_and_size(texts, zoo):
    """As the head is gone, nothing else of the training is needed to use the file."""
    text = texts.training().replace("input_shape", "neck: bnneck, embedding_size: 24, input_shape").replace(*SMALL)
    trained = zoo(text, name="trained")
    assert "far enough" in trained.text, trained.text
    answer = zoo(texts.use("evaluation", trained.folder / HEADLESS))
    assert answer.code == 0, answer.text


@pytest.mark.slow
def test_every_loss_and_augmentation_at_once(texts, zoo):
    text = texts.training().replace(
        "  batch_size: 6\n", "  batch_size: 6\n  center_loss: {}\n  circle_loss: {}\n  dropout: 0.2\n"
    )
    text += (
        "data_augmentation: {random_flip: {mode: horizontal}, random_rotation: {factor: 0.1}, "
        "random_zoom: {width_factor: 0.2}, random_erasing: {probability: 1.0}}\n"
    )
    answer = zoo(text)
    assert answer.code == 0, answer.text
    row = summary(answer)[-1]
    parts = [float(row[f"train_{name}_loss"]) for name in ("identity", "triplet", "center", "circle")]
    assert all(part > 0 for part in parts)
    weights = (1, 1, 5e-4, 1)
    assert float(row["train_loss"]) == pytest.approx(np.dot(parts, weights), rel=1e-3)


@pytest.mark.slow
def test_osnet_through_a_chain(texts, zoo):
    text = f"operation_mode: chain_tqeb\n{texts.data}{texts.trained}".replace(STEM, "osnet_a025").replace(*SMALL)
    answer = zoo(f"{text}benchmarking: {{board: host}}\n")
    assert answer.code == 0, answer.text
    assert set(answer.metrics(model="int8")) == {*NUMBERS, *INTERVALS}
    assert (answer.folder / "quantized_models/osnet_a025_quant_qdq_pc.onnx").is_file()


@pytest.mark.slow
def test_two_processes_train_together(texts, zoo):
    answer = zoo(texts.training().replace("epochs: 2", "epochs: 1\n  devices: 2"))
    assert answer.code == 0, answer.text
    (row,) = summary(answer)
    assert float(row["train_loss"]) > 0
    assert row["val_map"]


# --- the data on the command line ----------------------------------------------------------------------------------


def test_data_is_checked_measured_shown_and_converted(persons, texts, zoo, tmp_path):
    text = texts.training()
    checked = zoo(text, command="data check")
    assert checked.code == 0, checked.text
    assert "Nothing is wrong" in checked.text
    measured = zoo(text, command="data stats")
    assert measured.code == 0, measured.text
    preview = zoo(text, "--output", str(tmp_path / "shown.png"), "--count", "4", command="data preview")
    assert preview.code == 0, preview.text
    with Image.open(tmp_path / "shown.png") as picture:
        assert picture.width > 0
    converted = zoo(text, "--to", "market1501", "--output", str(tmp_path / "market"), command="data convert")
    assert converted.code == 0, converted.text
    written = [path.name for path in (tmp_path / "market").rglob("*.png")]
    assert len(written) == sum(len(list((persons / part).iterdir())) for part in ("train", "query", "gallery"))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["market1501", "folders", "flat"])
def test_a_converted_set_gives_the_same_numbers(finished, texts, zoo, tmp_path, form):
    out = tmp_path / "written"
    converted = zoo(texts.training(), "--to", form, "--output", str(out), command="data convert")
    assert converted.code == 0, converted.text
    data = f"dataset: {{dataset_name: {form}, data_dir: {out}, workers: 0}}\n"
    answer = zoo(texts.use("evaluation", finished.folder / FLOAT, data=data), name="converted")
    assert answer.code == 0, answer.text
    assert answer.metrics() == pytest.approx(finished.metrics())


# --- what is wrong ---------------------------------------------------------------------------------------------------

WRONG = [
    ("batch", "batch_size: 6", "batch_size: 14", ["batch_size", "multiple of num_instances (3)", "14"]),
    ("persons", "batch_size: 6", "batch_size: 30", ["6 persons"]),
    ("path", "/train\n", "/trian\n", ["training_path", "trian"]),
    ("key", "test_query_path", "test_qery_path", ["test_qery_path", "test_query_path"]),
    ("model", "_a025", "_a025x", ["mobilenetv1_a025"]),
    ("width", f"model_name: {STEM}", f"model_name: {STEM}, alpha: 0.5", ["alpha", "mobilenetv1"]),
    ("split", "validation_split: 0.25", "validation_split_by: picture", ["validation_split_by", "image"]),
    ("half", "  test_gallery_path", "  # test_gallery_path", ["test_gallery_path is needed", "test_query_path"]),
    ("classes", "  workers: 0\n", '  workers: 0\n  class_names: ["0001", "0o02"]\n', ["0o02", "0002"]),
    ("number", "  workers: 0\n", "  workers: 0\n  num_classes: 7\n", ["num_classes is 7", "8 persons"]),
    (
        "losses",
        "num_instances: 3",
        "num_instances: 3\n  identity_loss: {weight: 0}\n  triplet_loss: {weight: 0}",
        ["weight 0"],
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_one_message(texts, zoo, old, new, words):
    text = f"operation_mode: chain_tqe\n{texts.data}{texts.trained}"
    assert old in text
    answer = zoo(text.replace(old, new, 1))
    assert answer.code in (2, 3), answer.text
    assert "Traceback" not in answer.text
    assert answer.text.count("error:") == 1
    for word in words:
        assert word in answer.flat, answer.text


def test_names_that_tell_nobody_are_one_message(persons, texts, zoo, tmp_path):
    folder = tmp_path / "train"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (16, 32)).save(folder / f"{number}.png")
    answer = zoo(texts.training().replace(str(persons / "train"), str(folder)))
    assert answer.code in (2, 3), answer.text
    assert "training_path" in answer.text
    assert "<identity>_" in answer.flat
    assert "Traceback" not in answer.text
