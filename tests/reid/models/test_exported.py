"""Exported embedders compute the embedding alone, of length 1 when asked, in float and in 8 bits."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.export.onnx_export import export_onnx
from zoo_core.inference.session import OnnxSession
from zoo_core.protocols import QuantizationJob
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build as build_quantizer
from zoo_core.training.silence import SilentProgress
from zoo_reid.models.embedder import Embedder
from zoo_reid.models.exported import PlainEmbedder, folded

SIZE = InputSpec(3, 24, 16)


class Pictures:
    """Stream pictures of one colour each with a little noise to a quantizer."""

    source = "random"
    names = ()
    skipped = ()

    def __len__(self):
        return 40

    def __iter__(self):
        generator = np.random.default_rng(4)
        for _ in range(len(self)):
            colour = generator.normal(size=(1, 3, 1, 1))
            yield (colour + 0.2 * generator.normal(size=(1, *SIZE.shape))).astype(np.float32)


def embedder(seed=1, **keys):
    """Return an embedder whose normalisations have seen pictures, in evaluation mode."""
    torch.manual_seed(seed)
    parts = {
        "stem": nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        "top": nn.Sequential(nn.Conv2d(16, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU()),
    }
    model = Embedder(parts, 24, num_classes=4, **keys)
    images = torch.from_numpy(np.concatenate(list(Pictures())))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.5, 2.0)
    with torch.no_grad():
        model.train()(images)
    return model.eval()


def run(path, images):
    session = OnnxSession(path)
    return np.concatenate([session.run(image[None])[0] for image in images])


@pytest.mark.parametrize("keys", [{}, {"embedding_size": 12}, {"neck": True}, {"embedding_size": 12, "neck": True}])
@pytest.mark.parametrize("normalize", [False, True])
def test_plain_embedder_gives_the_embedding_alone(keys, normalize):
    model = embedder(**keys)
    images = torch.rand(3, *SIZE.shape)
    expected = model(images)[0]
    plain = PlainEmbedder(model, normalize=normalize)
    assert plain.output_names == ("embedding",)
    torch.testing.assert_close(
        plain(images), nn.functional.normalize(expected) if normalize else expected, rtol=1e-4, atol=1e-5
    )


def test_embedding_of_zeros_stays_zero():
    plain = PlainEmbedder(Embedder({"flat": nn.Identity()}, 3, num_classes=0), normalize=True).eval()
    assert torch.equal(plain(torch.zeros(2, 3, 4, 4)), torch.zeros(2, 3))
    assert plain(torch.full((1, 3, 4, 4), 1e-3)).norm().item() == pytest.approx(1)


def test_folded_neck_is_the_normalisation():
    norm = nn.BatchNorm2d(5)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            tensor.uniform_(0.2, 3)
    maps = torch.randn(4, 5, 1, 1)
    torch.testing.assert_close(folded(norm)(maps), norm.eval()(maps))
    with pytest.raises(ValueError, match="keeps no statistics"):
        folded(nn.BatchNorm2d(5, track_running_stats=False))


@pytest.mark.slow
@pytest.mark.parametrize("opset", [14, 17])
def test_onnxruntime_agrees_at_every_opset(tmp_path, opset):
    model = embedder(embedding_size=12, neck=True)
    path = tmp_path / "net.onnx"
    export_onnx(PlainEmbedder(model, normalize=True), SIZE, path, metadata={}, opset=opset)
    graph = onnx.load(str(path))
    assert [value.name for value in graph.graph.output] == ["embedding"]
    assert next(entry.version for entry in graph.opset_import if entry.domain == "") == opset
    images = np.concatenate(list(Pictures()))
    found = OnnxSession(path).run(images)[0]
    expected = nn.functional.normalize(model(torch.from_numpy(images))[0])
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{}, {"embedding_size": 12, "neck": True}], ids=["pooled", "full"])
def test_int8_embeddings_have_length_one_and_point_where_float_ones_do(tmp_path, keys):
    path = tmp_path / "net.onnx"
    export_onnx(PlainEmbedder(embedder(**keys), normalize=True), SIZE, path, metadata={}, batch=1)
    job = QuantizationJob(
        model=path, calibration=Pictures(), directory=tmp_path, work_dir=tmp_path, progress=SilentProgress()
    )
    quantized = build_quantizer(OnnxQuantizerSection()).quantize(job).path
    images = list(np.concatenate(list(Pictures())))
    wanted, found = run(path, images), run(quantized, images)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=0.01)
    cosine = (wanted * found).sum(1) / np.linalg.norm(found, axis=1)
    assert cosine.min() > 0.98
    assert (wanted @ wanted.T).min() < 0.9  # pictures differ, so a constant output would not pass
    operators = [node.op_type for node in onnx.load(str(quantized)).graph.node]
    assert "BatchNormalization" not in operators
    weights = [tensor for tensor in onnx.load(str(quantized)).graph.initializer if len(tensor.dims) == 4]
    assert all(tensor.data_type == onnx.TensorProto.INT8 for tensor in weights)
    assert len(weights) == 2 + len(keys)
