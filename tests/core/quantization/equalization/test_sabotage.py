"""Trained networks whose convolutions are rescaled fall apart in 8 bits per tensor, and equalization mends them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy, interpolate

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.export.onnx_export import export_onnx
from zoo_core.export.quiet import quiet
from zoo_core.export.runtime import open_runtime
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext
from zoo_core.quantization.equalization import equalize
from zoo_core.quantization.graph import prepare_graph

SIZE, EPOCHS, HELD_OUT, CALIBRATION = 32, 8, 597, 64
Images = np.ndarray[Any, np.dtype[np.float32]]


class Digits(CalibrationDataReader):
    """Stream calibration digits to us, or to onnxruntime."""

    source = "train"
    names = ()
    skipped = ()

    def __init__(self, images: Images) -> None:
        self._images = images
        self._feed = iter(self)

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Any:
        return (image[None] for image in self._images)

    def get_next(self) -> dict[str, Images] | None:
        image = next(self._feed, None)
        return None if image is None else {"input": image}


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    images = torch.tensor(data.images[order], dtype=torch.float32)[:, None] / 8 - 1
    return interpolate(images, SIZE, mode="bilinear").repeat(1, 3, 1, 1), torch.tensor(data.target[order])


def train(name: str, images: torch.Tensor, labels: torch.Tensor) -> torch.nn.Module:
    torch.manual_seed(0)
    context = ModelContext(input=InputSpec(3, SIZE, SIZE), num_classes=10)
    network: torch.nn.Module = get_catalog().models.resolve(name).build(ModelSection(model_name=name), context)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(50):
            optimizer.zero_grad()
            cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    return network.eval()


def sabotage(model: onnx.ModelProto) -> int:
    """Rescale the channels between Conv, Relu and Conv by 2^-6 to 2^6, and return the number of places."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    rng, places = np.random.default_rng(1), 0

    def multiply(name: str, factors: np.ndarray[Any, Any], axis: int) -> None:
        value = numpy_helper.to_array(weights[name])
        shape = [-1 if index == axis else 1 for index in range(value.ndim)]
        weights[name].CopyFrom(numpy_helper.from_array((value * factors.reshape(shape)).astype(np.float32), name))

    for first in model.graph.node:
        relus = readers.get(first.output[0], [])
        if first.op_type != "Conv" or [node.op_type for node in relus] != ["Relu"]:
            continue
        behind = readers.get(relus[0].output[0], [])
        if [node.op_type for node in behind] != ["Conv"]:
            continue
        channels = weights[first.input[1]].dims[0]
        depthwise = weights[behind[0].input[1]].dims[0] == channels and weights[behind[0].input[1]].dims[1] == 1
        factors = 2.0 ** rng.uniform(-6, 6, channels)
        multiply(first.input[1], factors, 0)
        multiply(first.input[2], factors, 0)
        multiply(behind[0].input[1], 1 / factors, 0 if depthwise else 1)
        places += 1
    return places


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet8", "mobilenetv4small_pt"])
@pytest.mark.filterwarnings("ignore")
def test_a_rescaled_network_comes_back(name: str, tmp_path: Path, bars: Any) -> None:
    images, labels = digits()
    network = train(name, images[HELD_OUT:], labels[HELD_OUT:])
    export_onnx(network, InputSpec(3, SIZE, SIZE), tmp_path / "float.onnx", metadata={})
    original = onnx.load(str(prepare_graph(tmp_path / "float.onnx", 17, tmp_path)))
    rescaled = onnx.ModelProto()
    rescaled.CopyFrom(original)
    assert sabotage(rescaled) >= 3
    probe, wanted = images[:HELD_OUT].numpy(), labels[:HELD_OUT].numpy()
    calibration = Digits(images[HELD_OUT : HELD_OUT + CALIBRATION].numpy())

    def accuracy(model: onnx.ModelProto, *, quantized: bool) -> float:
        path, result = tmp_path / "candidate.onnx", tmp_path / "candidate_int8.onnx"
        onnx.save(model, str(path))
        if quantized:
            with quiet():
                quantize_static(
                    path, result, Digits(calibration._images), quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
                )  # fmt: skip
        (found,) = open_runtime(result if quantized else path, threads=1).run(None, {"input": probe})
        return 100.0 * float((found.argmax(axis=1) == wanted).mean())

    assert accuracy(original, quantized=False) > 90.0
    assert accuracy(rescaled, quantized=False) == accuracy(original, quantized=False)
    plain = accuracy(original, quantized=True)
    assert accuracy(rescaled, quantized=True) < plain - 20.0
    report = equalize(rescaled, calibration, bars, per_channel=False)
    assert report.parity < 1e-4
    assert accuracy(rescaled, quantized=True) >= plain - 1.0
