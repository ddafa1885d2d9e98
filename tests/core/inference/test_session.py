"""Sessions give the same rows for the same images, whatever batch size, layout or engine the model has."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from zoo_core import InputSpec, MissingError, UserError, ZooError
from zoo_core.inference.session import OnnxSession, TorchSession, choose_device, open_session
from zoo_core.testing.isolation import run_isolated

SIZE = InputSpec(3, 4, 5)
WEIGHT = np.random.default_rng(3).normal(size=(2, 3, 1, 1)).astype(np.float32)


def reference(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Compute a 1x1 convolution and the mean over the image."""
    return np.einsum("nchw,oc->no", images, WEIGHT[:, :, 0, 0]) / (4 * 5)


def save(
    path: Path,
    *,
    batch: int | str = "batch",
    channels_last: bool = False,
    kind: int = TensorProto.FLOAT,
    squeezed: bool = False,
) -> Path:
    """Write the model that `reference` computes; the second output holds the largest value of each image."""
    shape = [batch, 4, 5, 3] if channels_last else [batch, 3, 4, 5]
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])
        if channels_last
        else helper.make_node("Identity", ["x"], ["t"]),
        helper.make_node("Cast", ["t"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["f", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Squeeze", ["p", "all" if squeezed else "space"], ["y"]),
        helper.make_node("ReduceMax", ["f"], ["m"], axes=[1, 2, 3], keepdims=0),
    ]
    axes = {"space": [2, 3], "all": [0, 2, 3]}
    weights = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in axes.items()]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", kind, shape)],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [2] if squeezed else [batch, 2]),
            helper.make_tensor_value_info("m", TensorProto.FLOAT, [batch]),
        ],
        [numpy_helper.from_array(WEIGHT, "w"), *weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path


def random_images(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).normal(size=(count, *SIZE.shape)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 3, 7, 8])
@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("channels_last", [False, True])
def test_onnx_every_image_gets_its_own_row(tmp_path: Path, count: int, batch: int | str, channels_last: bool) -> None:
    session = OnnxSession(save(tmp_path / "a.onnx", batch=batch, channels_last=channels_last), threads=1)
    assert session.input == SIZE
    images = random_images(count)
    means, largest = session.run(images)
    np.testing.assert_allclose(means, reference(images), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(largest, images.max((1, 2, 3)))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_onnx_other_floats_are_converted(tmp_path: Path, kind: int) -> None:
    images = random_images(3)
    means, _ = OnnxSession(save(tmp_path / "a.onnx", kind=kind)).run(images)
    assert means.dtype == np.float32
    np.testing.assert_allclose(means, reference(images), atol=2e-3)


def test_onnx_output_without_batch_axis_gets_one(tmp_path: Path) -> None:
    images = random_images(3)
    means, _ = OnnxSession(save(tmp_path / "a.onnx", batch=1, squeezed=True)).run(images)
    np.testing.assert_allclose(means, reference(images), rtol=1e-5, atol=1e-6)


def test_onnx_output_that_mixes_images_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceMax", ["x"], ["y"], axes=[0])],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 4, 5])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "a.onnx"))
    with pytest.raises(ZooError, match=r"shape \(1, 3, 4, 5\) for 2 images"):
        OnnxSession(tmp_path / "a.onnx").run(random_images(2))


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (3, 4, 5), (2, 1, 4, 5), (0, 3, 4, 5)])
def test_wrong_sizes_are_refused_by_both(tmp_path: Path, shape: tuple[int, ...]) -> None:
    for session in (OnnxSession(save(tmp_path / "a.onnx")), TorchSession(nn.Identity(), SIZE, "cpu")):
        with pytest.raises(UserError, match=r"takes images of shape \(N, 3, 4, 5\); found"):
            session.run(np.zeros(shape, np.float32))


def test_onnx_integer_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"takes uint8 images: found x uint8 \(batch, 3, 4, 5\)"):
        OnnxSession(save(tmp_path / "a.onnx", kind=TensorProto.UINT8))


def test_torch_runs_in_evaluation_mode_without_gradients() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.drop = nn.Dropout(0.9)

        def forward(self, x: torch.Tensor) -> dict[str, Any]:
            out = self.drop(self.norm(x))
            return {"mean": out.mean((1, 2, 3)), "rest": [out, (out * 2).to(torch.float64)]}

    model = Model().train()
    images = random_images(2)
    mean, same, double = TorchSession(model, SIZE, "cpu").run(images)
    wanted = images / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(mean, wanted.mean((1, 2, 3)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(same, wanted, rtol=1e-5)
    np.testing.assert_allclose(double, 2 * wanted, rtol=1e-5)
    assert double.dtype == np.float32
    assert model.norm.num_batches_tracked == 0


def test_open_session_chooses_the_engine(tmp_path: Path) -> None:
    path = save(tmp_path / "a.onnx")
    assert isinstance(open_session(path, threads=1), OnnxSession)
    session = open_session(nn.Identity(), input=SIZE, device="cpu")
    assert isinstance(session, TorchSession)
    np.testing.assert_array_equal(session.run(random_images(2))[0], random_images(2))
    with pytest.raises(ValueError, match="pass input="):
        open_session(nn.Identity())


def test_device_names() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    fastest = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    for name in (None, "", "auto"):
        assert choose_device(name).type == fastest
    for name in ("gpu7", "cuda:x", "tpu"):
        with pytest.raises(UserError, match=f'no device "{name}"; expected cpu, cuda, cuda:0, mps or auto'):
            choose_device(name)


def test_absent_device_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingError, match='"cuda:0" is not available'):
        choose_device("cuda:0")


def test_onnx_models_run_and_quantize_without_torch() -> None:
    code = "import zoo_core.inference.host, zoo_core.inference.session, zoo_core.quantization.onnx_quantizer"
    run = run_isolated(code)
    assert run.returncode == 0, run.stderr
    assert "onnxruntime" in run.modules
    assert "torch" not in run.modules
