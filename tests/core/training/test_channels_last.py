"""`training.channels_last` changes the order in memory and nothing else: not the numbers, not the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from tiny_task import SIZE, PlainTask, TinyTask, make_job, training_section
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.export.onnx_export import export_onnx
from zoo_core.training.checkpoint import load_into, read_checkpoint, read_weights
from zoo_core.training.layers import prepare_layers
from zoo_core.training.trainer import LightningTrainer

COLOURS = InputSpec(3, SIZE, SIZE)
BEST, LAST = "saved/best_model.pt", "saved/last_model.pt"


class ColourNet(nn.Module):
    """Two convolutions whose orders in memory differ, and a record of the images that were trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, stride=2)
        self.head = nn.Linear(6, 3)
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.seen.append(images)
        if images.ndim == 5:
            images = images.squeeze(2)
        return self.head(torch.relu(self.second(torch.relu(self.norm(self.first(images))))).mean((2, 3)))


def colour_net() -> ColourNet:
    torch.manual_seed(3)
    return ColourNet()


def in_colour(task: TinyTask) -> TinyTask:
    task.preprocessing = ImagePreprocessing(input=COLOURS, mean=(0.5,), std=(0.25,), color_mode="rgb")
    return task


def fit(
    folder: Path, *, channels_last: bool, task: TinyTask | None = None, resume: bool = False, **training: Any
) -> ColourNet:
    section = {"epochs": 1, "lr_scheduler": {"lr": 0.1, "sched": "none"}, "channels_last": channels_last, **training}
    model = colour_net()
    task = in_colour(task or PlainTask())
    LightningTrainer("cpu").fit(make_job(folder, model=model, task=task, training=section, resume=resume))
    return model


def together(tensor: torch.Tensor) -> bool:
    """Tell whether channels lie together, which is another order than the usual one for these tensors."""
    return tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


@pytest.mark.parametrize("mix", [False, True])
def test_weights_and_images_have_their_channels_together(tmp_path: Path, mix: bool) -> None:
    model = fit(tmp_path / "last", channels_last=True, task=TinyTask(mix=mix))
    assert together(model.first.weight)
    assert together(model.second.weight)
    assert model.seen
    assert all(together(images) for images in model.seen)
    plain = fit(tmp_path / "plain", channels_last=False, task=TinyTask(mix=mix))
    assert not any(together(tensor) for tensor in (plain.first.weight, plain.second.weight, *plain.seen))


@pytest.mark.parametrize("training", [{}, {"model_ema": True, "model_ema_decay": 0.5}, {"optimizer": {"opt": "adamw"}}])
def test_an_epoch_gives_the_weights_of_the_usual_order(tmp_path: Path, training: dict[str, Any]) -> None:
    for folder, channels_last in (("last", True), ("plain", False)):
        fit(tmp_path / folder, channels_last=channels_last, **training)
    ours, theirs = (read_weights(tmp_path / folder / BEST).state_dict for folder in ("last", "plain"))
    before = colour_net().state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-5)
    assert (ours["second.weight"] - before["second.weight"]).abs().max() > 0.01  # it has learned something


def test_checkpoints_fit_a_plain_model(tmp_path: Path) -> None:
    trained = fit(tmp_path, channels_last=True).eval()
    images = torch.randn(5, *COLOURS.shape)
    for file in (BEST, LAST):
        weights = read_weights(tmp_path / file)
        model = colour_net().eval()
        load_into(model, weights.state_dict, weights.source)
        assert not any(together(parameter) for parameter in model.parameters())
        with torch.no_grad():
            torch.testing.assert_close(model(images), trained(images), rtol=1e-4, atol=1e-5)


def test_the_best_weights_are_written_in_the_usual_order(tmp_path: Path) -> None:
    fit(tmp_path, channels_last=True)
    assert all(tensor.is_contiguous() for tensor in read_weights(tmp_path / BEST).state_dict.values())


@pytest.mark.parametrize("order", [(True, True), (True, False), (False, True)])
def test_a_training_goes_on_in_either_order(tmp_path: Path, order: tuple[bool, bool]) -> None:
    through = fit(tmp_path / "through", channels_last=order[1], epochs=2)
    fit(tmp_path / "parts", channels_last=order[0], epochs=1)
    parts = fit(tmp_path / "parts", channels_last=order[1], epochs=2, resume=True)
    assert together(parts.second.weight) is order[1]
    for name, tensor in parts.state_dict().items():
        torch.testing.assert_close(tensor, through.state_dict()[name], rtol=1e-3, atol=1e-5)
    momentum = read_checkpoint(tmp_path / "parts" / LAST)["optimizer_states"][0]["state"]
    assert momentum  # the optimizer went on too


def test_trained_weights_are_exported(tmp_path: Path) -> None:
    trained = fit(tmp_path, channels_last=True).eval()
    plain = colour_net()
    load_into(plain, read_weights(tmp_path / BEST).state_dict, tmp_path / BEST)
    images = torch.randn(4, *COLOURS.shape)
    with torch.no_grad():
        expected = trained(images).numpy()
    for name, model in (("plain", plain.eval()), ("trained", trained)):
        path = tmp_path / f"{name}.onnx"
        export_onnx(model, COLOURS, path, metadata={})
        session = onnxruntime.InferenceSession(str(path))
        (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


class Unfolded(PlainTask):
    """Train on batches of shape (N, C, 1, H, W)."""

    def batch_transform(self) -> Callable[..., Any]:
        return lambda images, targets: (images.unsqueeze(2), targets)


def test_images_of_another_rank_reach_the_model_as_they_are(tmp_path: Path) -> None:
    model = fit(tmp_path, channels_last=True, task=Unfolded())
    assert {images.shape[1:] for images in model.seen} == {(3, 1, SIZE, SIZE)}
    assert together(model.first.weight)


def test_weights_of_another_rank_are_left_alone() -> None:
    model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.Conv1d(4, 4, 3), nn.Conv2d(4, 4, 3))
    prepare_layers(model, training_section(channels_last=True))
    assert model[0].weight.is_contiguous()
    assert model[1].weight.is_contiguous()
    assert together(model[2].weight)


def test_a_model_without_convolutions_over_images_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    with pytest.raises(
        UserError, match=r"channels_last is set, but the model has no convolution over images"
    ) as caught:
        prepare_layers(model, training_section(channels_last=True))
    assert caught.value.hint == "Remove training.channels_last."
