from __future__ import annotations

import argparse
import os
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from zoo_core.errors import UserError
from zoo_core.training.checkpoint import load_into, read_weights, save_weights


def network(classes: int = 3, width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, classes))


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


class Shell:
    """A pickled object that would run a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_weights_and_description_come_back(tmp_path: Path) -> None:
    model = network()
    save_weights(tmp_path / "a.pt", model, {"classes": ["a", "b"], "nested": {"x": 1.5, "y": None}})
    loaded = read_weights(tmp_path / "a.pt")
    assert same(loaded.state_dict, model.state_dict())
    assert loaded.metadata == {"classes": ["a", "b"], "nested": {"x": 1.5, "y": None}}


def test_saved_weights_hold_no_more_than_themselves(tmp_path: Path) -> None:
    whole = torch.zeros(1_000_000)
    save_weights(tmp_path / "a.pt", {"part": whole[:10]}, {})
    assert (tmp_path / "a.pt").stat().st_size < 10_000


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
@pytest.mark.parametrize("container", [None, "state_dict", "model", "model_state_dict"])
def test_forms_of_other_libraries_are_read(tmp_path: Path, container: str | None, prefix: str) -> None:
    model = network()
    state = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    torch.save(state if container is None else {container: state, "epoch": 3}, tmp_path / "a.pth")
    loaded = read_weights(tmp_path / "a.pth")
    assert same(loaded.state_dict, model.state_dict())
    assert loaded.metadata is None


@pytest.mark.parametrize("options", [argparse.Namespace(lr=0.1), types.SimpleNamespace(lr=0.1, mean=[0.5])])
def test_checkpoint_of_timm_and_of_st_is_read(tmp_path: Path, options: Any) -> None:
    model = network()
    content = {"state_dict": model.state_dict(), "args": options, "metric": np.float64(71.5)}
    torch.save(content, tmp_path / "a.pth.tar")
    assert same(read_weights(tmp_path / "a.pth.tar").state_dict, model.state_dict())


def test_checkpoint_of_lightning_gives_the_model_alone(tmp_path: Path) -> None:
    model = network()
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()} | {"loss.w": torch.ones(1)}
    torch.save({"state_dict": state, "pytorch-lightning_version": "2.6.6"}, tmp_path / "a.ckpt")
    assert same(read_weights(tmp_path / "a.ckpt").state_dict, model.state_dict())


def test_safetensors_are_read(tmp_path: Path) -> None:
    model = network()
    save_file(model.state_dict(), tmp_path / "a.safetensors")
    assert same(read_weights(tmp_path / "a.safetensors").state_dict, model.state_dict())
    (tmp_path / "b.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="no safetensors file"):
        read_weights(tmp_path / "b.safetensors")


def test_code_inside_a_file_is_not_run(tmp_path: Path) -> None:
    for number, content in enumerate([Shell(tmp_path / "ran"), {"state_dict": Shell(tmp_path / "ran")}]):
        torch.save(content, tmp_path / f"{number}.pt")
        torch.save(content, tmp_path / f"{number}_old.pt", _use_new_zipfile_serialization=False)
        for name in (f"{number}.pt", f"{number}_old.pt"):
            with pytest.raises(UserError):
                read_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_whole_model_is_refused_with_the_way_out(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "a.pt")
    with pytest.raises(UserError, match=r"could run any code\.\n.*torch.save\(model.state_dict\(\), path\)"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"not a checkpoint at all", "no torch checkpoint, or a damaged one .23 bytes."),
    ],
)
def test_what_is_no_checkpoint_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_weights(tmp_path / "a.pt")


def test_truncated_checkpoint_is_told(tmp_path: Path) -> None:
    save_weights(tmp_path / "a.pt", network(), {})
    whole = (tmp_path / "a.pt").read_bytes()
    (tmp_path / "b.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        read_weights(tmp_path / "b.pt")


def test_missing_file_and_onnx_graph_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_weights(tmp_path / "a.pt")
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(UserError, match="ONNX graph"):
        read_weights(tmp_path / "a.onnx")


def test_dictionary_without_weights_tells_its_keys(tmp_path: Path) -> None:
    torch.save({f"key{number}": number for number in range(9)}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="keys key0, key1, key2, key3, key4 and 4 more"):
        read_weights(tmp_path / "a.pt")


def test_load_into_puts_every_tensor(tmp_path: Path) -> None:
    source, target = network(), network()
    load_into(target, source.state_dict(), "file")
    assert same(source.state_dict(), target.state_dict())


def test_load_into_satisfies_modules_that_ask_for_their_version(tmp_path: Path) -> None:
    """torchvision's MnasNet refuses weights without a version, which files do not hold."""
    from torchvision.models import mnasnet0_5

    saved, other = mnasnet0_5(weights=None, num_classes=3), mnasnet0_5(weights=None, num_classes=3)
    save_weights(tmp_path / "weights.pt", saved, {})
    load_into(other, read_weights(tmp_path / "weights.pt").state_dict, "weights.pt")
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in saved.state_dict().items())


def test_load_into_names_another_number_of_classes() -> None:
    with pytest.raises(UserError, match="for 5 classes, but the model has 3"):
        load_into(network(3), network(5).state_dict(), "file")


def test_load_into_lists_all_differences_and_changes_nothing() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    given = network(width=6).state_dict()
    given["extra"] = given.pop("3.bias")
    with pytest.raises(UserError) as caught:
        load_into(model, given, "weights.pt")
    text = str(caught.value)
    assert "weights.pt" in text
    assert "missing in the file: 3.bias" in text
    assert "not in the model: extra" in text
    assert "0.weight (6, 1, 3, 3), expected (4, 1, 3, 3)" in text
    assert same(before, model.state_dict())


def test_load_into_says_when_it_is_another_model() -> None:
    with pytest.raises(UserError, match="belong to another model"):
        load_into(network(), nn.LSTM(3, 3).state_dict(), "file")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_files_of_keras_are_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"last_augmented_model{suffix}"
    path.write_bytes(b"x")
    with pytest.raises(UserError, match="is a Keras file; weights of a torch model are needed here"):
        read_weights(path)
