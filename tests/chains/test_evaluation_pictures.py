"""What an evaluation leaves for the report: charts and examples, of the model that it measured."""

import csv
import json

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from zoo_classification.decoder import ClassificationDecoder
from zoo_classification.evaluator import ClassificationEvaluator
from zoo_core.charts import drawings_from_document

STAGE = "stages/4_evaluation"
EVALUATION = """\
operation_mode: evaluation
model: {model_path: MODEL}
dataset: {dataset_name: IMAGE_FOLDER, test_path: TEST, workers: 0}
evaluation: {compare_float: false}
hydra: {run: {dir: RUN_DIR}}
"""


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def counts_of(path):
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    return rows[0][1:], np.array([row[1:] for row in rows[1:]], int)


@pytest.mark.parametrize("stem", ["float_model_test_set", "quantized_model_test_set"])
def test_charts_hold_the_numbers_of_the_tables(finished, stem):
    folder = finished.run_dir / STAGE
    document = read_json(folder / f"{stem}_charts.json")
    assert document["model"] == ("float" if stem.startswith("float") else "int8")
    assert document["split"] == "test"
    (table,) = drawings_from_document(document)
    names, counts = counts_of(folder / f"{stem}_confusion_matrix.csv")
    assert table.rows == tuple(names)
    np.testing.assert_array_equal(np.array(table.counts), counts)


def test_examples_are_of_the_int8_model(finished):
    folder = finished.run_dir / STAGE
    document = read_json(folder / "examples.json")
    _, counts = counts_of(folder / "quantized_model_test_set_confusion_matrix.csv")
    assert document["model"] == "int8"
    assert document["images"] == counts.sum()
    assert document["right"] == np.trace(counts)
    answers = [one["right"] for one in document["examples"]]
    assert answers == sorted(answers)
    assert answers.count(False) == min(8, counts.sum() - np.trace(counts))
    assert answers.count(True) == 8


def test_examples_say_what_the_model_file_says(finished):
    """The digits of scikit-learn, named by their numbers, through onnxruntime alone."""
    from sklearn.datasets import load_digits

    session = onnxruntime.InferenceSession(next(finished.run_dir.glob("quantized_models/*.onnx")))
    digits = load_digits()
    for one in read_json(finished.run_dir / STAGE / "examples.json")["examples"]:
        number = int(one["image"].removeprefix("digits/"))
        assert one["text"].endswith("which is right" if one["right"] else f"is {digits.target[number]}")
        picture = Image.fromarray((digits.images[number] * 15.9375).astype("uint8"))
        pixels = np.asarray(picture.resize((16, 16), Image.Resampling.BILINEAR), np.float32)[None, None] / 255
        (logits,) = session.run(None, {session.get_inputs()[0].name: pixels})
        best = int(logits.argmax())
        assert one["text"].startswith(f"predicted {best} (")
        assert one["right"] == (best == digits.target[number])


def test_files_are_listed_and_small(finished):
    folder = finished.run_dir / STAGE
    listed = set(read_json(folder / "result.json")["result"]["files"])
    assert {f"{STAGE}/examples.json", f"{STAGE}/float_model_test_set_charts.json"} <= listed
    pictures = sorted(folder.glob("examples/*.jpg"))
    assert {f"{STAGE}/examples/{path.name}" for path in pictures} == {name for name in listed if "/examples/" in name}
    for path in pictures:
        with Image.open(path) as picture:
            assert max(picture.size) <= 320


@pytest.fixture
def evaluated(finished, digit_folders, tmp_path, chains):
    """Return a function that evaluates the float model on digits of which one cannot be read."""
    tests = tmp_path / "test"
    for path in sorted(digit_folders.glob("test/*/*.png")):
        copy = tests / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tests / "0" / "21.png").write_bytes(b"no picture")
    (model,) = (finished.run_dir / "saved_models").rglob("resnet8.onnx")

    def evaluate(run_dir="run"):
        text = EVALUATION.replace("MODEL", str(model)).replace("TEST", str(tests))
        return chains.run(chains.write(tmp_path, text, run_dir)).run_dir

    return evaluate


def test_images_that_cannot_be_read_are_left_out(evaluated):
    folder = evaluated() / "stages" / "1_evaluation"
    document = read_json(folder / "examples.json")
    assert document["images"] == 49
    assert document["model"] == "float"
    for one in document["examples"]:
        assert not one["image"].endswith("0/21.png")
        truth = one["image"].split("/")[-2]
        assert one["text"].endswith("which is right" if one["right"] else f"is {truth}")


@pytest.mark.parametrize(
    ("owner", "method", "what"),
    [
        (ClassificationDecoder, "draw", "examples"),
        (ClassificationDecoder, "sentence", "examples"),
        (ClassificationEvaluator, "image_scores", "examples"),
        (ClassificationEvaluator, "drawings", "charts"),
    ],
)
def test_what_cannot_be_drawn_fails_no_evaluation(owner, method, what, evaluated, monkeypatch):
    def broken(*_args):
        msg = "no pen"
        raise OSError(msg)

    monkeypatch.setattr(owner, method, broken)
    run_dir = evaluated()
    folder = run_dir / "stages" / "1_evaluation"
    assert read_json(folder / "result.json")["result"]["metrics"]
    lines = (run_dir / "stm32ai_main.log").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if "could not be made" in line)
    assert line.endswith(f"The {what} of the evaluation could not be made: OSError: no pen")
    found = {"examples": (folder / "examples.json").exists(), "charts": any(folder.glob("*_charts.json"))}
    assert found == {"examples": what != "examples", "charts": what != "charts"}
    assert (folder / "examples").exists() == (what != "examples")


def test_resumed_runs_keep_the_files(evaluated, chains):
    run_dir = evaluated()
    folder = run_dir / "stages" / "1_evaluation"
    paths = [*folder.glob("examples/*"), *folder.glob("*.json")]
    before = {path: path.stat().st_mtime_ns for path in paths}
    chains.resume(run_dir)
    assert {path: path.stat().st_mtime_ns for path in paths} == before


def test_an_evaluation_that_is_done_again_leaves_no_older_pictures(evaluated, chains):
    run_dir = evaluated()
    folder = run_dir / "stages" / "1_evaluation"
    (folder / "result.json").unlink()
    (folder / "examples" / "99_prediction.jpg").write_bytes(b"old")
    chains.resume(run_dir)
    listed = {one["picture"] for one in read_json(folder / "examples.json")["examples"]}
    assert {f"examples/{path.name}" for path in folder.glob("examples/*")} == listed
