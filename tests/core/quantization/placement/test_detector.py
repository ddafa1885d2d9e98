"""A small detector, trained on drawn rectangles, whose boxes (0 to 640) and scores (0 to 1) are one output."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core.protocols import QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import OnnxQuantizer
from zoo_core.quantization.tapping import TappedModel

Array = np.ndarray[Any, Any]
SIDE, STRIDE = 40, 8
CELLS = SIDE // STRIDE
PIXELS = 640 / SIDE
"""Boxes are given in pixels of a picture of 640 x 640."""
WIDTHS = ((3, 16, 2), (16, 24, 2), (24, 40, 2), (40, 40, 1))
"""Channels in, channels out and stride of each layer."""
STEPS, BATCH = 220, 24
LEAST_SCORE = 0.05


def draw(rng: np.random.Generator, count: int) -> tuple[Array, list[Array]]:
    """Draw images of one or two rectangles over noise; boxes are (x1, y1, x2, y2) of 640."""
    images = rng.normal(0, 0.08, size=(count, 3, SIDE, SIDE)) + rng.uniform(-0.3, 0.3, size=(count, 3, 1, 1))
    boxes = []
    for image in images:
        placed: list[tuple[int, int, int, int]] = []
        for _ in range(rng.integers(1, 3)):
            width, height = rng.integers(8, 20, 2)
            left, top = rng.integers(1, SIDE - width - 1), rng.integers(1, SIDE - height - 1)
            box = (left, top, left + width, top + height)
            if all(
                min(box[2], one[2]) - max(box[0], one[0]) < -3 or min(box[3], one[3]) - max(box[1], one[1]) < -3
                for one in placed
            ):
                image[:, box[1] : box[3], box[0] : box[2]] += (
                    rng.uniform(0.6, 1.2) * np.array([1, 0.8, -1])[:, None, None]
                )
                placed.append(box)
        boxes.append(np.array(placed, dtype=np.float64) * PIXELS)
    return images.astype(np.float32), boxes


def train() -> dict[str, Array]:
    """Return the weights of a detector that a few hundred batches have taught."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    layers = [torch.nn.Conv2d(into, out, 3, stride, 1) for into, out, stride in WIDTHS]
    body = torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.ReLU())))
    boxes, scores = torch.nn.Conv2d(WIDTHS[-1][1], 4, 1), torch.nn.Conv2d(WIDTHS[-1][1], 1, 1)
    torch.nn.init.constant_(scores.bias, -3.0)
    parameters = [*body.parameters(), *boxes.parameters(), *scores.parameters()]
    optimizer = torch.optim.Adam(parameters)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, STEPS)
    for _ in range(STEPS):
        images, truth = draw(rng, BATCH)
        targets = torch.from_numpy(np.stack([encode(one) for one in truth]))
        features, present = body(torch.from_numpy(images)), targets[:, 4:]
        loss = binary_cross_entropy_with_logits(scores(features), present, reduction="sum")
        loss = loss + 2 * ((boxes(features) - targets[:, :4]).abs() * present).sum()
        optimizer.zero_grad()
        (loss / BATCH).backward()
        optimizer.step()
        schedule.step()
    torch.set_num_threads(threads)
    named = {**{f"layer{index}": layer for index, layer in enumerate(layers)}, "boxes": boxes, "scores": scores}
    weights = {f"{name}.weight": layer.weight for name, layer in named.items()}
    biases = {f"{name}.bias": layer.bias for name, layer in named.items()}
    return {name: value.detach().numpy() for name, value in (weights | biases).items()}


def encode(boxes: Array) -> Array:
    """Return what the network shall say of some boxes: place in the cell, logarithm of the size in cells, presence."""
    target = np.zeros((5, CELLS, CELLS), dtype=np.float32)
    for left, top, right, bottom in boxes / PIXELS / STRIDE:
        x, y = (left + right) / 2, (top + bottom) / 2
        size = np.log(right - left), np.log(bottom - top)
        target[:, int(y), int(x)] = (x - int(x), y - int(y), *size, 1)
    return target


def build_detector(weights: dict[str, Array]) -> onnx.ModelProto:
    """Write the network as YOLOX is exported: heads joined, then decoded, boxes and scores in one output (1, A, 5)."""
    node = helper.make_node
    nodes, tensor = [], "image"
    for index, (_, _, stride) in enumerate(WIDTHS):
        inputs = [tensor, f"layer{index}.weight", f"layer{index}.bias"]
        nodes.append(
            node("Conv", inputs, [f"sum{index}"], f"layer{index}", pads=[1, 1, 1, 1], strides=[stride, stride])
        )
        tensor = f"features{index}"
        nodes.append(node("Relu", [f"sum{index}"], [tensor], f"relu{index}"))
    nodes += [
        node("Conv", [tensor, "boxes.weight", "boxes.bias"], ["raw_boxes"], "boxes"),
        node("Conv", [tensor, "scores.weight", "scores.bias"], ["raw_scores"], "scores"),
        node("Concat", ["raw_boxes", "raw_scores"], ["raw"], "join_heads", axis=1),
        node("Reshape", ["raw", "flat"], ["rows"], "flatten"),
        node("Transpose", ["rows"], ["anchors"], "transpose", perm=[0, 2, 1]),
        node("Split", ["anchors", "parts"], ["offset", "size", "logit"], "split", axis=2),
        node("Add", ["offset", "grid"], ["placed"], "add_grid"),
        node("Mul", ["placed", "stride"], ["centre"], "scale_centre"),
        node("Exp", ["size"], ["cells"], "exp"),
        node("Mul", ["cells", "stride"], ["extent"], "scale_size"),
        node("Sigmoid", ["logit"], ["score"], "sigmoid"),
        node("Concat", ["centre", "extent", "score"], ["detections"], "join_outputs", axis=2),
    ]
    grid = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), axis=-1).reshape(1, -1, 2).astype(np.float32)
    fixed = {
        **weights,
        "flat": np.array([1, 5, CELLS**2]),
        "parts": np.array([2, 2, 1]),
        "grid": grid,
        "stride": np.float32(STRIDE * PIXELS),
    }
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("detections", TensorProto.FLOAT, [1, CELLS**2, 5])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in fixed.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def overlap(box: Array, others: Array) -> Array:
    """Return the intersection over union of one box (x1, y1, x2, y2) with others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.clip(sides, 0, None).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(common / (np.prod(box[2:] - box[:2]) + areas - common))


def detect(rows: Array) -> Array:
    """Return boxes with scores (x1, y1, x2, y2, score), best first, without those that overlap a better one by half."""
    rows = rows[rows[:, 4] >= LEAST_SCORE]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")].astype(np.float64)
    found = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2, rows[:, 4:]], axis=1)
    kept: list[Array] = []
    for one in found:
        if not kept or overlap(one[:4], np.stack(kept)[:, :4]).max() < 0.5:
            kept.append(one)
    return np.stack(kept) if kept else np.zeros((0, 5))


def average_precision(detections: Sequence[Array], truth: Sequence[Array]) -> float:
    """Return the area under the precision-recall curve at an overlap of one half, made monotone as VOC 2010 does."""
    hits = []
    for found, boxes in zip(detections, truth, strict=True):
        free = np.ones(len(boxes), dtype=bool)
        for one in found:
            overlaps = overlap(one[:4], boxes) * free
            best = int(np.argmax(overlaps))
            hits.append((one[4], overlaps[best] >= 0.5))
            free[best] &= overlaps[best] < 0.5
    hits.sort(key=lambda hit: -hit[0])
    right = np.cumsum([hit for _, hit in hits])
    precision = right / np.arange(1, len(hits) + 1)
    recall = np.concatenate([[0.0], right / sum(map(len, truth))])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * envelope).sum())


def test_average_precision_of_a_case_computed_by_hand() -> None:
    """Three boxes; found in order of score: right, wrong, right, and one never: 1/3 * 1 + 1/3 * 2/3."""
    truth = [np.array([[0, 0, 10, 10], [20, 20, 30, 30]], float), np.array([[0, 0, 10, 10]], float)]
    detections = [
        np.array([[0, 0, 10, 9, 0.9], [50, 50, 60, 60, 0.8]]),
        np.array([[1, 0, 10, 10, 0.7], [0, 0, 10, 10, 0.6]]),
    ]
    assert average_precision(detections, truth) == pytest.approx(1 / 3 + 2 / 9)
    assert average_precision([np.zeros((0, 5))] * 2, truth) == 0.0


class Drawn:
    """Stream drawn images to the quantizer."""

    source = "drawn"
    skipped = ()

    def __init__(self, images: Array) -> None:
        self._images = images
        self.names = [f"image_{index}" for index in range(len(images))]

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Array]:
        return (image[None] for image in self._images)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    onnx.save(build_detector(train()), str(path))
    return path


def measure(path: Path) -> tuple[float, int]:
    """Return average precision on new images, and how many boxes were found."""
    images, truth = draw(np.random.default_rng(2), 150)
    model = TappedModel(onnx.load(str(path)), ["detections"])
    detections = [detect(model.run(image[None])["detections"][0]) for image in images]
    return average_precision(detections, truth), sum(map(len, detections))


@pytest.mark.slow
@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
def test_boxes_and_scores_in_one_tensor_survive_quantization(
    granularity: str, detector: Path, tmp_path: Path, bars: Any
) -> None:
    images, _ = draw(np.random.default_rng(1), 100)

    def quantize(*, optimize: bool) -> Path:
        folder = tmp_path / str(optimize)
        folder.mkdir()
        job = QuantizationJob(
            model=detector, calibration=Drawn(images), directory=folder, work_dir=folder, progress=bars
        )
        section = OnnxQuantizerSection(quantizer="onnx_quantizer", granularity=granularity, optimize=optimize)
        return OnnxQuantizer(section).quantize(job).path

    exact, _ = measure(detector)
    plain, found = measure(quantize(optimize=False))
    ours, _ = measure(quantize(optimize=True))
    assert exact > 0.8
    assert found == 0
    assert plain == 0.0
    assert ours >= 0.95 * exact
