"""Models of others, known by `model_type` alone: boxes are where the outputs say, in every mode without training."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

SIZE = 64
NAMES = ["cat", "dog"]
CAT, DOG = (8, 16, 24, 48), (32, 16, 48, 32)
"""Left, top, right, bottom in pixels of the input."""
IMAGES = {"1.png": (64, 64), "2.png": (128, 64)}


def logit(probability):
    return float(np.log(probability / (1 - probability)))


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


def yolov8():
    """(1, 4 + C, 84): centre and size in shares of the input, and probabilities."""
    value = np.zeros((1, 6, 84), np.float32)
    value[0, :2] = 0.5
    for cell, (left, top, right, bottom), index in ((3, CAT, 4), (70, DOG, 5)):
        value[0, :4, cell] = np.array([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)]) / 2 / SIZE
        value[0, index, cell] = 0.9
    return {"output0": value}


def st_yoloxn():
    """Grids of 8, 4 and 2 cells, channels last; an anchor of half the input."""
    grids = {f"grid{count}": np.full((1, count, count, 7), 0.0, np.float32) for count in (8, 4, 2)}
    for grid in grids.values():
        grid[..., 4] = -8
    # The cat has its centre at (16, 32) where cells of 8 pixels meet: half a cell before it, the cell of 16 .. 24.
    grids["grid8"][0, 4, 2] = [-8, -8, np.log(0.5), 0, 6, 6, -6]
    # The dog has its centre at (40, 24), the middle of a cell of 16 pixels.
    grids["grid4"][0, 1, 2] = [0, 0, np.log(0.5), np.log(0.5), 6, -6, 6]
    return grids


def yolov2t():
    """One grid of 2 cells with one anchor of 0.5 x 1 cells."""
    grid = np.full((1, 2, 2, 7), 0.0, np.float32)
    grid[..., 4] = -8
    grid[0, 0, 0] = [0, 8, 0, 0, 6, 6, -6]  # centre (16, 32), nearly
    grid[0, 0, 1] = [logit(0.25), logit(0.75), 0, np.log(0.5), 6, -6, 6]
    return {"grid": grid}


def ssd(*names):
    """Decoded boxes in shares and probabilities without background, in either order."""
    boxes, scores = np.full((1, 20, 4), 0.5, np.float32), np.zeros((1, 20, 2), np.float32)
    for row, box, index in ((2, CAT, 0), (11, DOG, 1)):
        boxes[0, row], scores[0, row, index] = np.array(box) / SIZE, 0.9
    outputs = {"boxes": boxes, "scores": scores}
    return {name: outputs[name] for name in names}


MODELS = {
    "yolov8n": ("yolov8n", yolov8, ""),
    "st_yoloxn": ("st_yoloxn", st_yoloxn, ""),
    "yolov2t": ("yolov2t", yolov2t, ", yolo_anchors: [0.5, 1.0]"),
    "ssd": ("ssd", lambda: ssd("boxes", "scores"), ""),
    "ssd, scores first": ("ssd", lambda: ssd("scores", "boxes"), ""),
}


@dataclass(frozen=True)
class Given:
    kind: str
    model: str
    data: str
    more: str

    def text(self, mode, **changes):
        section = f"model: {{model_type: {changes.get('kind', self.kind)}, model_path: {self.model}}}\n"
        processing = f"postprocessing: {{confidence_thresh: 0.3{self.more}}}\n"
        sizes = "preprocessing: {resizing: {aspect_ratio: fit}, normalization: {mean: 0.0, std: 1.0}}\n"
        sizes += "quantization: {quantizer: onnx_quantizer}\n"
        return f"operation_mode: {mode}\n{section}{self.data}{processing}{sizes}"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Grey pictures, one twice as wide as the input, each with the two boxes of the models."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "images").mkdir()
    rows, images = [], []
    for number, (name, (width, height)) in enumerate(IMAGES.items(), start=1):
        pixels = np.random.default_rng(number).integers(0, 255, (height, width), np.uint8)
        Image.fromarray(pixels).convert("RGB").save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for index, (left, top, right, bottom) in enumerate((CAT, DOG)):
            stretch = width / SIZE
            box = [left * stretch, top, (right - left) * stretch, bottom - top]
            row = {"id": len(rows) + 1, "image_id": number, "category_id": index + 1, "bbox": box, "iscrowd": 0}
            rows.append({**row, "area": box[2] * box[3]})
    categories = [{"id": number, "name": name} for number, name in enumerate(NAMES, start=1)]
    document = {"images": images, "annotations": rows, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(params=MODELS)
def given(request, tmp_path, pictures):
    return foreign(request.param, tmp_path, pictures)


def foreign(name, folder, pictures):
    kind, outputs, more = MODELS[name]
    make_model(folder / "foreign.onnx", outputs())
    data = (
        f"dataset: {{format: coco, class_names: [cat, dog], test_images_path: {pictures / 'images'}, "
        f"test_annotations_path: {pictures / 'instances.json'}, quantization_path: {pictures / 'images'}, "
        f"prediction_path: {pictures / 'images'}, workers: 0}}\n"
    )
    return Given(kind=kind, model=str(folder / "foreign.onnx"), data=data, more=more)


def test_float_and_int8_find_the_boxes(zoo, given):
    answer = zoo(given.text("chain_eqe"))
    assert answer.code == 0, answer.text
    found = stages(answer)
    for model, least in (("float", 85), ("int8", 40)):
        assert found[model]["ap50"] == pytest.approx(100), model
        assert found[model]["map"] >= least, model


def stages(answer):
    """Return the metrics of the float and of the quantized model, of whichever stage."""
    rows = [
        row for stage in json.loads((answer.folder / "metrics.json").read_text())["stages"].values() for row in stage
    ]
    return {
        model: {row["name"]: row["value"] for row in rows if row["model"] == model and row["split"] == "test"}
        for model in ("float", "int8")
    }


def test_predictions_lie_where_the_outputs_say(zoo, given):
    answer = zoo(given.text("prediction"))
    assert answer.code == 0, answer.text
    records = json.loads((answer.folder / "predictions.json").read_text())["predictions"]
    assert len(records) == len(IMAGES)
    for record in records:
        stretch = record["width"] / SIZE
        boxes = {one["label"]: one["box"] for one in record["detections"]}
        for name, (left, top, right, bottom) in zip(NAMES, (CAT, DOG), strict=True):
            assert boxes[name] == pytest.approx([left * stretch, top, right * stretch, bottom], abs=0.1), record[
                "image"
            ]
        assert record["count"] == len(NAMES)


@pytest.mark.parametrize(
    "case",
    [
        ("yolov8n", "st_yoloxn", "evaluation"),
        ("st_yoloxn", "ssd", "prediction"),
        ("ssd", "st_yolod", "evaluation"),
        ("yolov2t", "yolov8n", "prediction"),
        ("yolov8n", "yolov2t", "chain_eqe"),
    ],
)
def test_the_type_of_another_model_is_one_message(zoo, tmp_path, pictures, case):
    name, kind, mode = case
    answer = zoo(foreign(name, tmp_path, pictures).text(mode, kind=kind).replace(", yolo_anchors: [0.5, 1.0]", ""))
    assert answer.code == 2, answer.text
    assert answer.text.count("error:") == 1
    assert "Traceback" not in answer.text
    assert "utput" in answer.text
    assert "model_type" in answer.text


def test_anchors_that_do_not_fit_are_told(zoo, tmp_path, pictures):
    answer = zoo(foreign("yolov2t", tmp_path, pictures).text("evaluation").replace("[0.5, 1.0]", "[0.5, 1.0, 2.0]"))
    assert answer.code == 2, answer.text
    assert "postprocessing.yolo_anchors has 3 numbers" in answer.text


def test_more_classes_than_the_model_has_are_told(zoo, tmp_path, pictures):
    text = foreign("yolov8n", tmp_path, pictures).text("prediction")
    answer = zoo(text.replace("[cat, dog]", "[cat, dog, bird]"))
    assert answer.code == 2, answer.text
    assert "2 classes" in answer.text
    assert "class_names" in answer.text
