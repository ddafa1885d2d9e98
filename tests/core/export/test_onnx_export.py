"""Exported models compute what torch computes, say what they are, and bad models leave no file behind."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

import zoo_core
from zoo_core import InputSpec, RunStoreError, UserError, ZooError
from zoo_core.export.onnx_export import ExportOutcome, export_onnx
from zoo_core.export.onnx_file import inspect_onnx

SIZE = InputSpec(3, 16, 16)
METADATA = {"use_case": "classification", "model_name": "small", "class_names": ["ärger", "b"]}


class Small(nn.Module):
    """A residual block, a strided depthwise convolution and a classifier, with batch norms and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU6())
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.down = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), nn.BatchNorm2d(8), nn.Hardswish())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        out: torch.Tensor = self.head(self.down(functional.relu(self.body(x) + x)))
        return out


class Detector(nn.Module):
    """The operators that change between opset 18 and 17, and outputs of several shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        low = functional.mish(self.stem(x))
        near = functional.interpolate(low, scale_factor=2.0, mode="nearest")
        smooth = functional.interpolate(low, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined = torch.cat([near, smooth, self.up(low)], 1)
        boxes, scores = joined.chunk(2, 1)
        boxes = functional.pad(boxes, (1, 1, 0, 1))
        return {"boxes": boxes.flatten(2).transpose(1, 2), "rest": (scores.amax((2, 3)), low.mean(1).flatten(1))}


def trained(model: nn.Module) -> nn.Module:
    """Give batch norms statistics other than those they start with."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, *SIZE.shape) * 3 - 1)
    return model


def run(path: Path, images: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Run a model with onnxruntime as anybody would."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"input": images})


@pytest.fixture(scope="module")
def small() -> nn.Module:
    torch.manual_seed(1)
    return trained(Small())


@pytest.fixture(scope="module")
def exported(small: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> ExportOutcome:
    path = tmp_path_factory.mktemp("export") / "deep" / "small.onnx"
    small.train()
    small.body.eval()
    return export_onnx(small, SIZE, path, metadata=METADATA)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_export_any_batch_gives_torch_outputs(small: nn.Module, exported: ExportOutcome, count: int) -> None:
    images = np.random.default_rng(count).normal(size=(count, *SIZE.shape)).astype(np.float32)
    small.eval()
    with torch.no_grad():
        wanted = small(torch.from_numpy(images)).numpy()
    (found,) = run(exported.path, images)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_export_outcome_states_what_was_done(small: nn.Module, exported: ExportOutcome) -> None:
    assert (exported.opset, exported.batch) == (17, None)
    assert exported.parameters == sum(parameter.numel() for parameter in small.parameters())
    assert 0 <= exported.parity_max_abs < exported.parity_tolerance < 0.01


def test_export_leaves_one_valid_file_of_opset_17(exported: ExportOutcome) -> None:
    assert [path.name for path in exported.path.parent.iterdir()] == ["small.onnx"]
    model = onnx.load(str(exported.path))
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert [value.name for value in model.graph.input] == ["input"]
    assert [value.name for value in model.graph.output] == ["output"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}


def test_export_file_describes_itself(exported: ExportOutcome) -> None:
    info = inspect_onnx(exported.path)
    assert info.metadata == METADATA
    assert info.input == SIZE
    assert info.batch is None
    assert info.inputs[0].shape == ("batch", 3, 16, 16)
    assert info.outputs[0].shape == ("batch", 2)
    model = onnx.load(str(exported.path))
    assert (model.producer_name, model.producer_version) == ("zoo", zoo_core.__version__)


def test_export_file_holds_no_path_or_source_of_this_machine(exported: ExportOutcome) -> None:
    content = exported.path.read_bytes()
    for trace in (b"site-packages", b".py", b"stack_trace", os.fsencode(Path(__file__).parent)):
        assert trace not in content


def test_export_restores_the_mode_of_every_module(small: nn.Module, tmp_path: Path) -> None:
    small.train()
    small.body.eval()
    before = {name: value.clone() for name, value in small.state_dict().items()}
    export_onnx(small, SIZE, tmp_path / "a.onnx", metadata={}, batch=1)
    assert small.training
    assert small.stem[1].training
    assert not small.body[1].training
    assert all(torch.equal(before[name], value) for name, value in small.state_dict().items())


def test_export_fixed_batch_takes_that_batch_only(small: nn.Module, tmp_path: Path) -> None:
    outcome = export_onnx(small, SIZE, tmp_path / "a.onnx", metadata={}, batch=3)
    assert outcome.batch == 3
    assert inspect_onnx(outcome.path).batch == 3
    assert run(outcome.path, np.zeros((3, *SIZE.shape), np.float32))[0].shape == (3, 2)
    with pytest.raises(Exception, match="Got invalid dimensions"):
        run(outcome.path, np.zeros((1, *SIZE.shape), np.float32))


@pytest.mark.parametrize("opset", [14, 17, 21])
def test_export_several_outputs_in_any_opset(tmp_path: Path, opset: int) -> None:
    model = Detector().eval()
    outcome = export_onnx(model, SIZE, tmp_path / "a.onnx", metadata={}, opset=opset)
    info = inspect_onnx(outcome.path)
    assert info.opset == outcome.opset == opset
    assert [value.name for value in info.outputs] == ["output", "output_1", "output_2"]
    images = np.random.default_rng(0).normal(size=(2, *SIZE.shape)).astype(np.float32)
    with torch.no_grad():
        wanted = model(torch.from_numpy(images))
    for found, tensor in zip(run(outcome.path, images), (wanted["boxes"], *wanted["rest"]), strict=True):
        np.testing.assert_allclose(found, tensor.numpy(), rtol=1e-4, atol=1e-5)


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3)) * torch.rand(1)


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3)) if x.sum() > 3 else x.amax((1, 2, 3))


class Diverged(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((1, 2, 3)) / 0.0


class Texts(nn.Module):
    def forward(self, x: torch.Tensor) -> list[str]:
        return ["cat"] * len(x)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (Noisy, ZooError, "computes something else than torch: output differs by"),
        (Branching, UserError, "cannot be exported to ONNX: .*data-dependent"),
        (Diverged, UserError, "not finite"),
        (Texts, UserError, "returns str; expected a tensor"),
        (lambda: nn.Conv2d(4, 8, 3), UserError, r"fails on images of shape \(2, 3, 16, 16\)"),
    ],
)
def test_export_bad_model_says_why_and_writes_nothing(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    build: Callable[[], nn.Module],
    error: type[ZooError],
    message: str,
) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("earlier")
    with pytest.raises(error, match=message):
        export_onnx(build(), SIZE, path, metadata={})
    assert path.read_text() == "earlier"
    assert [found.name for found in tmp_path.iterdir()] == ["model.onnx"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("opset", "message"), [(12, "expected 13 to 23"), (13, "cannot be written in opset 13")])
def test_export_impossible_opset_says_so(tmp_path: Path, opset: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        export_onnx(nn.Hardswish(), SIZE, tmp_path / "a.onnx", metadata={}, opset=opset)
    assert not list(tmp_path.iterdir())


def test_export_full_disk_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "model.onnx"
    path.write_text("earlier")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunStoreError, match="disk is full"):
        export_onnx(nn.ReLU(), SIZE, path, metadata={})
    assert path.read_text() == "earlier"
    assert [found.name for found in tmp_path.iterdir()] == ["model.onnx"]


def test_export_checks_in_the_range_that_was_given(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    class Watch(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if not torch.compiler.is_exporting():
                seen.append(x.clone())
            return x.mean((2, 3))

    bounds = [(0.0, 1.0), (-2.0, -1.0), (5.0, 9.0)]
    export_onnx(Watch(), SIZE, tmp_path / "a.onnx", metadata={}, value_range=bounds)
    real = [images for images in seen if type(images) is torch.Tensor]
    assert real
    for channel, (low, high) in enumerate(bounds):
        values = torch.cat([images[:, channel].flatten() for images in real])
        assert low <= values.min() < low + 0.1
        assert high - 0.1 < values.max() <= high
