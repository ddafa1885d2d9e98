"""Every registered network runs, learns, exports to ONNX with equal outputs, and runs in 8 bits.

A few networks are taken in every run of the tests, all of them, with some of timm's families, by `make test-slow`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
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
from zoo_core.training.silence import SilentProgress

CLASSES = 5
SIDE = 64
QUICK = ("resnet8", "st_mnistv1", "mobilenet_a025_pt", "st_resnetpico_actrelu_pt", "shufflenetv2_x050_pt")
BY_TIMM_NAME = ("efficientnet_lite0", "vit_tiny_patch16_224", "convnext_atto", "ghostnet_050", "regnety_002")
REGISTERED = tuple(
    entry.spec.name
    for entry in get_catalog().models.entries()
    if entry.spec.task == "classification" and entry.spec.family is None
)


class RandomImages:
    """Stream seeded images to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __init__(self, shape: tuple[int, int, int], count: int = 4) -> None:
        self._shape = shape
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        generator = np.random.default_rng(5)
        for _ in range(self._count):
            yield generator.uniform(-2, 2, (1, *self._shape)).astype(np.float32)


def make(name: str) -> tuple[nn.Module, InputSpec]:
    """Build a network of 5 classes for images of 64x64 pixels, or smaller ones where it is made for them."""
    resolved = get_catalog().models.resolve(name)
    if "pytorchcv" in resolved.spec.tags:
        pytest.importorskip("pytorchcv")
    usual = resolved.spec.input
    size = InputSpec(usual.channels, min(usual.height, SIDE), min(usual.width, SIDE))
    torch.manual_seed(0)
    return resolved.build(ModelSection(model_name=name), ModelContext(num_classes=CLASSES, input=size)), size


def learn(model: nn.Module, size: InputSpec) -> None:
    """Compute gradients twice, which also gives batch normalisations other statistics than they start with.

    No step is taken: the gradients of a deep network at its start are so large that float32 is not exact after it.
    """
    model.train()
    for _ in range(2):
        images, targets = torch.randn(8, *size.shape), torch.randint(CLASSES, (8,))
        loss = nn.functional.cross_entropy(model(images), targets)
        model.zero_grad()
        loss.backward()
        assert torch.isfinite(loss)
    gradients = {key: value.grad for key, value in model.named_parameters()}
    assert [key for key, value in gradients.items() if value is None] == [], "weights that take no part in learning"
    assert all(torch.isfinite(value).all() for value in gradients.values() if value is not None)
    assert any(value.abs().sum() > 0 for value in gradients.values() if value is not None)
    model.eval()


def run(path: Path, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"input": images})
    return output


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in dict.fromkeys((*QUICK, *REGISTERED, *BY_TIMM_NAME))
    ],
)
def test_network_runs_learns_exports_and_runs_in_8_bits(name: str, tmp_path: Path) -> None:
    model, size = make(name)
    learn(model, size)
    images = next(iter(RandomImages((3, *size.shape), 1)))[0]
    with torch.no_grad():
        wanted = model(torch.from_numpy(images)).numpy()
    assert wanted.shape == (3, CLASSES)
    assert np.isfinite(wanted).all()

    exported = tmp_path / f"{name}.onnx"
    export_onnx(model, size, exported, metadata={"model_name": name})
    scale = float(np.abs(wanted).max())
    assert np.abs(run(exported, images) - wanted).max() < 1e-3 * scale

    quantizer = build_quantizer(OnnxQuantizerSection())
    outcome = quantizer.quantize(
        QuantizationJob(
            model=exported,
            calibration=RandomImages(size.shape),
            directory=tmp_path,
            work_dir=tmp_path,
            progress=SilentProgress(),
        )
    )
    found = run(outcome.path, images)
    assert found.shape == wanted.shape
    assert np.isfinite(found).all()
    operators = {node.op_type for node in onnx.load(str(outcome.path)).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.8


def test_quick_networks_are_registered() -> None:
    assert set(QUICK) <= set(REGISTERED)
