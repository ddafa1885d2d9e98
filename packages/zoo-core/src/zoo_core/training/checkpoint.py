"""Own weights in files: writing them with a description, reading them safely, putting them into a model.

Nothing here ever unpickles an arbitrary object: files are read with `weights_only=True`.
"""

from __future__ import annotations

import argparse
import json
import pickle
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo_core.artifacts import METADATA_KEY
from zoo_core.errors import MissingError, UserError
from zoo_core.runs.files import write_atomically
from zoo_core.training.layers import classifier_layers

StateDict = dict[str, torch.Tensor]

SHOWN = 5
"""Names listed of each kind before a message says how many more there are."""

KERAS_SUFFIXES = (".h5", ".keras")
_CONTAINERS = ("state_dict", "model_state_dict", "model", "weights")
_WRAPPERS = ("module.", "_orig_mod.")
_LIGHTNING = "pytorch-lightning_version"


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """Hold the weights of a file and the description that stood beside them."""

    state_dict: StateDict
    metadata: dict[str, Any] | None
    source: Path


def save_weights(path: Path, model: torch.nn.Module | Mapping[str, torch.Tensor], metadata: Mapping[str, Any]) -> None:
    """Write weights and their JSON-able description; the file is either whole or as it was before.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    state = model.state_dict() if isinstance(model, torch.nn.Module) else model
    plain = torch.contiguous_format  # whatever order a training kept them in
    content = {
        "state_dict": {name: tensor.detach().cpu().clone(memory_format=plain) for name, tensor in state.items()},
        METADATA_KEY: json.dumps(dict(metadata)),
    }
    write_atomically(path, lambda stream: torch.save(content, stream))


def read_weights(path: Path) -> LoadedWeights:
    """Read the weights of a file: ours, a plain state dict, timm's, a Lightning checkpoint, or safetensors.

    Raises:
        UserError: When the file is missing or holds no weights, saying what it holds.
        MissingError: When it is a safetensors file and that package is not installed.
    """
    content = read_checkpoint(path)
    state = _find_state(content)
    if state is None:
        raise UserError(_no_weights(path, content), hint="Give a file written by zoo or by torch.save(state_dict).")
    return LoadedWeights(_unwrapped(state), read_metadata(content), path)


def read_checkpoint(path: Path) -> Any:
    """Read a torch or safetensors file as it is, tensors on the CPU, running none of its code.

    Raises:
        UserError: When the file is missing, no checkpoint, or holds objects other than weights.
        MissingError: When it is a safetensors file and that package is not installed.
    """
    if not path.is_file():
        msg = f"{path} does not exist or is no file."
        raise UserError(msg, hint="Give the path of a .pt, .pth or .safetensors file.")
    if path.suffix in KERAS_SUFFIXES:
        msg = f"{path} is a Keras file; weights of a torch model are needed here."
        raise UserError(msg, hint="Give a .pt, .pth or .safetensors file.")
    if path.suffix == ".onnx":
        msg = f"{path} is an ONNX graph; weights of a torch model are needed here."
        raise UserError(msg, hint="Give a .pt, .pth or .safetensors file.")
    return _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)


def read_metadata(content: Any) -> dict[str, Any] | None:
    """Return the description inside a checkpoint that was read, or nothing when it has none."""
    text = content.get(METADATA_KEY) if isinstance(content, Mapping) else None
    if isinstance(text, Mapping):
        return dict(text)
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _with_versions(state_dict: Mapping[str, torch.Tensor], own: Mapping[str, Any]) -> OrderedDict[str, torch.Tensor]:
    """Return weights with the versions that modules state: files do not hold them, and some modules ask for them."""
    found = OrderedDict(state_dict)
    found._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined]  # noqa: SLF001 - torch's place for it
    return found


def load_into(model: torch.nn.Module, state_dict: Mapping[str, torch.Tensor], source: Path | str) -> None:
    """Put weights into a model that must fit them exactly.

    Raises:
        UserError: With what is missing, left over or of another shape; the model is unchanged then.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in state_dict]
    unexpected = [name for name in state_dict if name not in own]
    shapes = [name for name in own if name in state_dict and own[name].shape != state_dict[name].shape]
    if not (missing or unexpected or shapes):
        model.load_state_dict(_with_versions(state_dict, own))
        return
    told_classes = None if missing or unexpected else _other_classes(model, own, state_dict, shapes)
    if told_classes is not None:
        msg = f"The weights in {source} are {told_classes}."
        hint = (
            "Give the class names the weights were trained with, or train with model.pretrained_model_path, "
            "which transfers everything but the last layer."
        )
        raise UserError(msg, hint=hint)
    lines = [f"The weights in {source} do not fit the model:"]
    if len(missing) == len(own):
        lines = [f"The weights in {source} belong to another model; not one of {len(own)} names is the same:"]
    if missing:
        lines.append(f"  missing in the file: {shorten(missing)}")
    if unexpected:
        lines.append(f"  not in the model: {shorten(unexpected)}")
    if shapes:
        told = [f"{name} {tuple(state_dict[name].shape)}, expected {tuple(own[name].shape)}" for name in shapes]
        lines.append(f"  other shapes: {shorten(told)}")
    raise UserError("\n".join(lines), hint="Check model.model_name, model.input_shape and the file.")


def _read_torch(path: Path) -> Any:
    # The checkpoints of timm and of ST's services hold these; they run no code.
    harmless: list[Any] = [argparse.Namespace, types.SimpleNamespace, *_numpy_scalars()]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(harmless):
            warnings.simplefilter("ignore")  # torch's remark on TorchScript archives, refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise _not_weights(path, error) from error


def _not_weights(path: Path, error: Exception) -> UserError:
    rewrite = "Save the weights alone where the file comes from: torch.save(model.state_dict(), path)."
    if "TorchScript" in str(error):
        return UserError(f"{path} is a TorchScript program, not weights.", hint=rewrite)
    if isinstance(error, pickle.UnpicklingError) and (zipfile.is_zipfile(path) or "global" in str(error).lower()):
        msg = f"{path} holds Python objects beside weights; they are not loaded, because they could run any code."
        return UserError(msg, hint=rewrite)
    size = path.stat().st_size
    state = "is empty" if size == 0 else f"is no torch checkpoint, or a damaged one ({size} bytes)"
    return UserError(f"{path} {state}.", hint="Copy the file again from where it comes, or give another one.")


def _numpy_scalars() -> list[Any]:
    reconstruct = np.float64(0).__reduce__()[0]
    kinds = (np.float16, np.float32, np.float64, np.int32, np.int64, np.bool_)
    old_path = (reconstruct, "numpy.core.multiarray.scalar")  # where files of NumPy 1 look for it
    return [reconstruct, old_path, np.dtype, *(type(np.dtype(kind)) for kind in kinds)]


def _read_safetensors(path: Path) -> StateDict:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        msg = f"Reading {path} needs safetensors, which is not installed."
        raise MissingError(msg, hint="Install: pip install safetensors") from error
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        msg = f"{path} is no safetensors file, or a damaged one ({error})."
        raise UserError(msg) from error


def _find_state(content: Any) -> StateDict | None:
    if not isinstance(content, Mapping):
        return None
    for key in _CONTAINERS:
        inner = content.get(key)
        if isinstance(inner, Mapping) and _is_state(inner):
            state = dict(inner)
            return _lightning_model(state) if _LIGHTNING in content else state
    return dict(content) if _is_state(content) else None


def _is_state(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )


def _lightning_model(state: StateDict) -> StateDict:
    inner = {name.removeprefix("model."): value for name, value in state.items() if name.startswith("model.")}
    return inner or state


def _unwrapped(state: StateDict) -> StateDict:
    for prefix in _WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _no_weights(path: Path, content: Any) -> str:
    if isinstance(content, Mapping):
        names = [str(name) for name in content]
        return f"{path} holds no weights; it is a dictionary with the keys {shorten(names) or '(none)'}."
    return f"{path} holds no weights but a {type(content).__name__}."


def _other_classes(
    model: torch.nn.Module, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], shapes: list[str]
) -> str | None:
    """Return in words that weights are for other classes, when only the first dimension of classifiers differs."""
    changes = set()
    for name in shapes:
        here, there = own[name].shape, given[name].shape
        if not here or not there or here[1:] != there[1:]:
            return None
        changes.add((int(there[0]), int(here[0])))
    layers = {name.rpartition(".")[0] for name in shapes}
    if len(changes) == 1 and len(layers) == 1:
        ((in_file, in_model),) = changes
        return f"for {in_file} classes, but the model has {in_model}"
    return "for another number of classes than the model's" if layers <= classifier_layers(model) else None


def shorten(names: list[str] | tuple[str, ...]) -> str:
    """Return names in a row, the rest of a long row as a number."""
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
