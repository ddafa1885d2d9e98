"""Quantized networks of the zoo become integer operators whose every tensor is that of the QDQ graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.export.onnx_export import export_onnx
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext, QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build as build_quantizer

CLASSES = 10
NETWORKS = {
    "resnet8": 32,
    "mobilenetv2_a035_pt": 96,
    "mobilenetv4small_pt": 64,
    "mobilenetv3small_pt": 64,
    "st_resnetpico_actrelu_pt": 64,
    "st_efficientnetlcv1": 64,
    "squeezenetv11_pt": 64,
    "shufflenetv2_x050_pt": 64,
    "efficientnet_lite0": 64,
    "semnasnet100_pt": 64,
    "dla46c_pt": 64,
    "regnetx002_pt": 64,
    "ghostnet_050": 64,
}
FLOAT_OPERATORS = {"Conv", "Gemm", "MatMul", "Add", "Sigmoid", "Relu", "Clip", "ReduceMean", "Softmax"}


class RandomImages:
    """Stream seeded images to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self._shape = shape

    def __len__(self) -> int:
        return 8

    def __iter__(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        generator = np.random.default_rng(5)
        for _ in range(len(self)):
            yield generator.uniform(-2, 2, (1, *self._shape)).astype(np.float32)


def quantize(name: str, folder: Path, progress: Any) -> onnx.ModelProto:
    """Build a network with seeded random weights and learned statistics, export it and quantize it."""
    size = InputSpec(3, NETWORKS[name], NETWORKS[name])
    torch.manual_seed(0)
    resolved = get_catalog().models.resolve(name)
    model = resolved.build(ModelSection(model_name=name), ModelContext(num_classes=CLASSES, input=size))
    model.train()
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(8, *size.shape))
    model.eval()
    assert isinstance(model, nn.Module)
    exported = folder / f"{name}.onnx"
    export_onnx(model, size, exported, metadata={"model_name": name})
    quantizer = build_quantizer(OnnxQuantizerSection())
    outcome = quantizer.quantize(
        QuantizationJob(
            model=exported, calibration=RandomImages(size.shape), directory=folder, work_dir=folder, progress=progress
        )
    )
    return onnx.load(str(outcome.path))


def images(lowered: Any, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(100 + seed)
    return {io.name: generator.uniform(-2, 2, io.shape).astype(np.float32) for io in lowered.inputs}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_network_becomes_integer_with_the_same_tensors(name: str, tmp_path: Path, quiet: Any, compare: Any) -> None:
    comparison = compare(quantize(name, tmp_path, quiet), images=2, feeds=images)
    assert comparison.lowered.islands == ()
    assert not FLOAT_OPERATORS & set(comparison.operators)
    assert len(comparison.local) >= comparison.operators["QLinearConv"]
    assert max(comparison.local.values()) <= 1
    # Sums of a convolution may round differently near the middle of two steps, which later layers carry on.
    differing = sum(difference > 0 for difference in comparison.local.values())
    assert differing <= 0.2 * len(comparison.local)
