"""Quantized embedders become integer networks for microcontrollers."""

import numpy as np
import onnx
import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.export.onnx_export import export_onnx
from zoo_core.protocols import QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build as build_quantizer
from zoo_core.training.silence import SilentProgress
from zoo_reid.models.exported import PlainEmbedder
from zoo_stm32.lowering import lower
from zoo_stm32.network import generate

pytestmark = pytest.mark.slow
SIZE = InputSpec(3, 64, 32)


class Noise:
    """Stream seeded images to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __len__(self):
        return 4

    def __iter__(self):
        generator = np.random.default_rng(5)
        for _ in range(len(self)):
            yield generator.uniform(-2, 2, (1, *SIZE.shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "keys", "islands"),
    [
        ("osnet_a025", {}, set()),
        ("mobilenetv2_a035", {"embedding_size": 64, "neck": "bnneck"}, set()),
        ("mobilenetv1_a025", {"embedding_size": 64, "normalize": "inside"}, {"ReduceL2", "Max", "Div"}),
    ],
)
def test_all_but_the_length_is_integer(make, tmp_path, name, keys, islands):
    torch.manual_seed(0)
    model = make(name, **keys)
    with torch.no_grad():
        for _ in range(3):
            model.train()(torch.randn(8, *SIZE.shape))
    path = tmp_path / "net.onnx"
    plain = PlainEmbedder(model.eval(), normalize="normalize" in keys)
    export_onnx(plain, SIZE, path, metadata={}, batch=1)
    job = QuantizationJob(
        model=path, calibration=Noise(), directory=tmp_path, work_dir=tmp_path, progress=SilentProgress()
    )
    lowered = lower(onnx.load(str(build_quantizer(OnnxQuantizerSection()).quantize(job).path)))
    assert {island.op_type for island in lowered.islands} == islands
    assert [(one.name, one.shape) for one in lowered.outputs] == [("embedding", (1, model.embedding_size))]
    assert generate(lowered, SilentProgress()).outputs == lowered.outputs
