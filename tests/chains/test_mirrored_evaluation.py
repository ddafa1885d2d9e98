"""With `evaluation.tta` the outputs for an image and its mirror image are averaged before they are judged."""

import numpy as np
import onnxruntime
import pytest

from zoo_core.config.load import load_config
from zoo_core.errors import UserError
from zoo_core.inference.session import OnnxSession
from zoo_core.plugins import get_catalog
from zoo_core.services.measuring import outputs_of


def test_the_metric_is_that_of_the_mean_outputs(tmp_path, chains, finished):
    model = finished.run_dir / "saved_models/resnet8/resnet8.onnx"
    config = chains.write(tmp_path)
    overrides = ("operation_mode=evaluation", f"model.model_path={model}")
    accuracy = {
        tta: chains.run(config, *overrides, f"evaluation.tta={tta}", f"hydra.run.dir={tmp_path / str(tta)}").rows[0]
        for tta in (0, 2)
    }
    loaded = load_config(config, overrides, catalog=get_catalog())
    task = loaded.selection.task.spec.build.load()(loaded.config, _info())
    digits = _test_images(loaded)
    session = onnxruntime.InferenceSession(str(model))
    images = np.stack([task.preprocessing(digits[index].image).numpy() for index in range(len(digits))])
    sides = [session.run(None, {"input": side})[0] for side in (images, np.ascontiguousarray(images[..., ::-1]))]
    for tta, outputs in ((0, sides[0]), (2, (sides[0] + sides[1]) / 2)):
        right = 100 * np.mean(outputs.argmax(1) == np.asarray(digits.targets))
        assert accuracy[tta].float_value == pytest.approx(right)
    assert accuracy[0].float_value != accuracy[2].float_value  # mirrored digits are no digits


def test_every_output_is_averaged(finished):
    session = OnnxSession(finished.run_dir / "saved_models/resnet8/resnet8.onnx")
    images = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype(np.float32)
    (mean,) = outputs_of(session, images, mirrored=True)
    (one,), (other,) = session.run(images), session.run(np.ascontiguousarray(images[..., ::-1]))
    np.testing.assert_allclose(mean, (one + other) / 2, rtol=1e-6)
    assert mean.dtype == np.float32


def test_a_use_case_that_cannot_average_refuses(tmp_path, chains, finished, monkeypatch):
    monkeypatch.setattr("zoo_classification.task.ClassificationTask.mirror_averaging", False)
    model = finished.run_dir / "saved_models/resnet8/resnet8.onnx"
    with pytest.raises(UserError, match=r"evaluation\.tta: the outputs of this use case cannot be averaged"):
        chains.run(chains.write(tmp_path), "operation_mode=evaluation", f"model.model_path={model}", "evaluation.tta=2")


def _info():
    from zoo_core.artifacts import InputSpec
    from zoo_core.protocols import ModelInfo

    return ModelInfo(name="resnet8", input=InputSpec(1, 16, 16), class_names=tuple("0123456789"))


def _test_images(loaded):
    from zoo_core.protocols import TEST, DataRequest

    request = DataRequest(splits=frozenset({TEST}), seed=loaded.config.dataset.seed)
    return loaded.selection.dataset.spec.build.load()(loaded.config.dataset, request).get(TEST)
