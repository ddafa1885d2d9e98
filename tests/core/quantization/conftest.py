"""Own the small network, the calibration images and the silent progress that the tests of quantization share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

SHAPE = (3, 12, 10)


class Images:
    """Stream seeded images of shape (1, C, H, W), and count how often they were read."""

    def __init__(self, count: int, source: str = "train", shape: tuple[int, int, int] = SHAPE) -> None:
        self.source = source
        self.reads = 0
        self._count = count
        self._shape = shape

    @property
    def names(self) -> list[str]:
        return [f"image {index}" for index in range(self._count)]

    @property
    def skipped(self) -> tuple[()]:
        return ()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        rng = np.random.default_rng(7)
        for _ in range(self._count):
            self.reads += 1
            scale = rng.uniform(0.2, 2.0)
            yield (scale * rng.normal(size=(1, *self._shape))).astype(np.float32)


class Bars:
    """Remember what a progress display is told."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int | None]] = []
        self.steps = 0

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator["Bars"]:
        self.opened.append((description, total))
        yield self

    def advance(self, steps: int = 1, **_: float) -> None:
        self.steps += steps


def network(*, batch: int | str = "batch", opset: int = 17, channels_last: bool = False) -> onnx.ModelProto:
    """Build conv-batchnorm-relu, a depthwise residual, pooling and a classifier of 5 classes; one node is unnamed."""
    rng = np.random.default_rng(11)
    weights = {
        "stem.weight": rng.normal(size=(8, 3, 3, 3)) * np.geomspace(0.05, 1.0, 8).reshape(8, 1, 1, 1),
        "stem.bias": rng.normal(size=8),
        "norm.scale": rng.uniform(0.5, 1.5, 8),
        "norm.shift": rng.normal(size=8) * 0.1,
        "norm.mean": rng.normal(size=8) * 0.1,
        "norm.var": rng.uniform(0.5, 1.5, 8),
        "deep.weight": rng.normal(size=(8, 1, 3, 3)) * 0.4,
        "head.weight": rng.normal(size=(5, 8)),
        "head.bias": rng.normal(size=5),
    }
    source = "t" if channels_last else "input"
    nodes = [
        *([helper.make_node("Transpose", ["input"], ["t"], "first", perm=[0, 3, 1, 2])] if channels_last else []),
        helper.make_node("Conv", [source, "stem.weight", "stem.bias"], ["a"], "stem_conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "norm.scale", "norm.shift", "norm.mean", "norm.var"], ["b"], "bn"),
        helper.make_node("Relu", ["b"], ["c"], "stem_relu"),
        helper.make_node("Conv", ["c", "deep.weight"], ["d"], "deep_conv", group=8, pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "d"], ["e"], "join"),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("GlobalAveragePool", ["f"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["h"], "flat"),
        helper.make_node("Gemm", ["h", "head.weight", "head.bias"], ["output"], "head", transB=1),
    ]
    channels, height, width = SHAPE
    shape = [batch, height, width, channels] if channels_last else [batch, channels, height, width]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture
def images() -> Callable[..., Images]:
    return Images


@pytest.fixture
def bars() -> Bars:
    return Bars()


@pytest.fixture
def save_network(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the network and returns its path."""

    def save(name: str = "net.onnx", **options: Any) -> Path:
        path = tmp_path / name
        onnx.save(network(**options), str(path))
        return path

    return save
