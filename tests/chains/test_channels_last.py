"""A training with `channels_last` ends in the files of any other, and in a model that computes the same."""

import numpy as np
import onnxruntime
import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.config.sections import ModelSection
from zoo_core.errors import UserError
from zoo_core.plugins import get_catalog
from zoo_core.protocols import ModelContext
from zoo_core.training.checkpoint import load_into, read_checkpoint, read_weights

INPUT = InputSpec(1, 16, 16)


def plain_model():
    section = ModelSection(model_name="resnet8", input_shape=INPUT.shape)
    context = ModelContext(num_classes=10, input=INPUT, options={}, progress=None)
    return get_catalog().models.resolve("resnet8").build(section, context)


@pytest.mark.slow
def test_the_exported_model_computes_what_a_plain_one_computes(chains, tmp_path):
    overrides = ("operation_mode=training", "training.epochs=1", "+training.channels_last=True")
    saved = chains.run(chains.write(tmp_path), *overrides).run_dir / "saved_models"
    state = read_checkpoint(saved / "last.pth.tar")["state_dict"]
    assert any(tensor.ndim == 4 and not tensor.is_contiguous() for tensor in state.values())  # so it was trained
    weights = read_weights(saved / "model_best.pth.tar")
    assert all(tensor.is_contiguous() for tensor in weights.state_dict.values())
    model = plain_model()
    load_into(model, weights.state_dict, weights.source)
    images = np.random.default_rng(0).normal(size=(8, *INPUT.shape)).astype(np.float32)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(images)).numpy()
    session = onnxruntime.InferenceSession(str(saved / "resnet8" / "resnet8.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_network_without_convolutions_is_refused_before_anything_is_created(chains, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "zoo_core.services.context.RunContext.build_model",
        lambda _context: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 10)),
    )
    with pytest.raises(UserError, match=r"training\.channels_last is set, but the model has no convolution"):
        chains.run(chains.write(tmp_path), "+training.channels_last=True")
    assert not (tmp_path / "run").exists()
