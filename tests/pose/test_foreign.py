"""Pose estimators of others, known by `model_type` or by their shapes, in every mode without training."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE = 64
SIZES = {"1.jpg": (64, 64), "2.jpg": (128, 64)}
NOTHING = "preprocessing: {resizing: {aspect_ratio: fit}, rescaling: {scale: 1/255}}\n"


def make_model(path, outputs):
    """Write a model whose outputs are these constants for grey images: weights of the channels cancel each other."""
    nodes, constants = [helper.make_node("GlobalAveragePool", ["images"], ["mean"])], []
    found = []
    for number, (name, value) in enumerate(outputs.items()):
        weights = np.tile(np.array([1.0, -1.0, 0.0], np.float32) / 2, (value.size, 1)).reshape(-1, 3, 1, 1)
        constants += [
            numpy_helper.from_array(weights, f"w{number}"),
            numpy_helper.from_array(value.astype(np.float32).ravel(), f"b{number}"),
            numpy_helper.from_array(np.array([-1, *value.shape[1:]], np.int64), f"s{number}"),
        ]
        nodes += [
            helper.make_node("Conv", ["mean", f"w{number}", f"b{number}"], [f"flat{number}"]),
            helper.make_node("Reshape", [f"flat{number}", f"s{number}"], [name]),
        ]
        found.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *value.shape[1:]]))
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    graph = helper.make_graph(nodes, "constant", [image], found, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def places(keypoints, low=0.25, high=0.75):
    """Return places of keypoints on a slope, as shares of the input, shape (K, 2)."""
    steps = np.linspace(0, 1, keypoints)
    return np.stack([low + (high - low) * steps, high - (high - low) * steps**2], axis=1)


def spe(keypoints):
    """(1, 1, K, 3): row, column, score."""
    rows = np.concatenate([places(keypoints)[:, ::-1], np.full((keypoints, 1), 0.9)], axis=1)
    return {"keypoints": rows[None, None]}


def heatmaps(keypoints):
    """(1, 16, 16, K) as TensorFlow has it: one pixel of each map, that in which the keypoint lies."""
    value = np.zeros((1, 16, 16, keypoints))
    for number, (x, y) in enumerate(places(keypoints)):
        value[0, int(16 * y), int(16 * x), number] = 0.9
    return {"maps": value}


def yolo(keypoints):
    """(1, 5 + 3K, 84): one sure person, one less sure at the same place, nobody elsewhere."""
    value = np.zeros((1, 5 + 3 * keypoints, 84))
    value[0, :4] = 0.1
    for cell, score in ((3, 0.9), (50, 0.7)):
        value[0, :5, cell] = [0.5, 0.5, 0.6, 0.6, score]
        value[0, 5:, cell] = np.concatenate([places(keypoints), np.full((keypoints, 1), 0.8)], axis=1).ravel()
    return {"output0": value}


def hand(keypoints):
    """(1, 63), (1, 1), (1, 1), (1, 63): landmarks in pixels, hand or not, left or right, landmarks in metres."""
    depth = np.zeros((keypoints, 1))
    pixels = np.concatenate([SIZE * places(keypoints), depth], axis=1).reshape(1, -1)
    metres = np.concatenate([places(keypoints, -0.05, 0.05), depth], axis=1).reshape(1, -1)
    return {"screen": pixels, "present": np.array([[0.9]]), "handed": np.array([[0.2]]), "world": metres}


MODELS = {
    "spe": (spe, 17, 1e-3),
    "heatmaps_spe": (heatmaps, 13, 2.0),
    "yolo_mpe": (yolo, 17, 1e-3),
    "hand_spe": (hand, 21, 1e-3),
}
"""Name -> outputs, keypoints and how exact the places are, in pixels of the input."""


@dataclass(frozen=True)
class Given:
    kind: str
    keypoints: int
    exact: float
    model: str
    data: str

    def text(self, mode, *, kind=None, more=""):
        """Return a configuration; without a type when it is empty."""
        chosen = self.kind if kind is None else kind
        stated = f"model_type: {chosen}, " if chosen else ""
        settings = "general: {num_threads: 1}\nquantization: {quantizer: onnx_quantizer}\n"
        return (
            f"operation_mode: {mode}\nuse_case: pose\nmodel: {{{stated}model_path: {self.model}}}\n{self.data}"
            f"{NOTHING}{settings}{more}"
        )


@pytest.fixture
def given(tmp_path):
    """Return a function that makes a model and grey images whose labels are what it finds, both of one name."""

    def make(kind):
        function, keypoints, exact = MODELS[kind]
        make_model(tmp_path / f"{kind}.onnx", function(keypoints))
        folder = tmp_path / "images"
        folder.mkdir(exist_ok=True)
        for name, size in SIZES.items():
            Image.new("RGB", size, (90, 90, 90)).save(folder / name)
            numbers = np.concatenate([places(keypoints), np.full((keypoints, 1), 2)], axis=1).ravel()
            line = " ".join(["0 0.5 0.5 0.6 0.6", *(f"{number:.6f}".rstrip("0").rstrip(".") for number in numbers)])
            (folder / name).with_suffix(".txt").write_text(f"{line}\n")
        data = (
            f"dataset: {{keypoints: {keypoints}, test_path: {folder}, prediction_path: {folder}, "
            f"quantization_path: {folder}, workers: 0}}\n"
        )
        return Given(kind, keypoints, exact, str(tmp_path / f"{kind}.onnx"), data)

    return make


@pytest.mark.parametrize("kind", MODELS)
def test_evaluation(given, zoo, kind):
    """The labels are what the model says, so that everything is right; heat maps are exact to half a cell."""
    one = given(kind)
    answer = zoo(one.text("evaluation"))
    assert answer.code == 0, answer.text
    found = answer.metrics()
    if kind == "heatmaps_spe":
        assert 0.5 < found["oks"] < 1
    else:
        assert found["oks"] == pytest.approx(1.0, abs=1e-3)
        assert found["map"] == pytest.approx(100.0, abs=1e-3)
    assert found["pck"] == pytest.approx(100.0, abs=1e-3)
    key = "float_mAP_0.5" if kind == "yolo_mpe" else "float_OKS"
    assert key in (answer.folder / "stm32ai_main.log").read_text()


@pytest.mark.parametrize("kind", MODELS)
def test_prediction(given, zoo, kind):
    """Keypoints are where the outputs say, in pixels of each image."""
    one = given(kind)
    answer = zoo(one.text("prediction", kind=""))  # shapes alone tell the type
    assert answer.code == 0, answer.text
    records = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
    assert len(records) == len(SIZES)
    for record, size in zip(records, SIZES.values(), strict=True):
        (pose,) = record["poses"]  # of two persons at one place the surer one
        points = np.array(pose["keypoints"])
        wanted = places(one.keypoints) * size
        scale = np.array(size) / SIZE
        assert (np.abs(points[:, :2] - wanted) <= one.exact * scale + 0.01).all()
        assert pose["score"] == pytest.approx(0.9, abs=0.01)
        assert (pose["box"] is None) == (kind != "yolo_mpe")
        if pose["box"]:
            np.testing.assert_allclose(pose["box"], np.array([0.2, 0.2, 0.8, 0.8]) * [*size, *size], atol=0.02)
        with Image.open(answer.folder / "predictions" / record["picture"]) as picture:
            assert picture.size == size


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_quantization_and_evaluation(given, zoo, kind):
    answer = zoo(given(kind).text("chain_eqe"))
    assert answer.code == 0, answer.text
    assert answer.metrics(model="int8")["pck"] > 90
    assert list(answer.folder.rglob("*_quant_qdq_pc.onnx"))


@pytest.mark.slow
def test_benchmarking_on_this_machine(given, zoo):
    answer = zoo(given("spe").text("benchmarking", more="benchmarking: {board: host}\n"))
    assert answer.code == 0, answer.text


@pytest.mark.parametrize(("kind", "other"), [("spe", "heatmaps_spe"), ("yolo_mpe", "spe"), ("hand_spe", "yolo_mpe")])
def test_a_wrong_type_is_one_message(given, zoo, kind, other):
    answer = zoo(given(kind).text("evaluation", kind=other))
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    assert f"A model of the type {other}" in answer.flat
    assert "model.model_type" in answer.flat


def test_another_number_of_keypoints_is_one_message(given, zoo):
    one = given("yolo_mpe")
    text = one.text("prediction").replace("keypoints: 17", "keypoints: 13")
    answer = zoo(text)
    assert answer.code == 2, answer.text
    assert "Traceback" not in answer.text
    assert "17 keypoints" in answer.flat
