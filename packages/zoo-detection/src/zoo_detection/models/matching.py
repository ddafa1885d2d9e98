"""Own putting published weights into a detector, and the report of what went in and what did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from timm.models import adapt_input_conv
from torch import nn

from zoo_core.errors import UserError
from zoo_core.networks.st_resnet import own_names

State = dict[str, torch.Tensor]
COUNTER = "num_batches_tracked"
"""Count of batches inside batch normalisation; outputs do not depend on it."""
RGB = 3
FILTER_DIMENSIONS = 4
GROUPS = (
    ("base_net.", "backbone."),
    ("extras.", "extras."),
    ("classification_headers.", "heads.classes."),
    ("regression_headers.", "heads.boxes."),
)
"""Parts of an SSD: prefix in ST's files, prefix here."""
YOLOD_PARTS = ("backbone", "neck", "head")
"""Parts of an ST_YOLOD, in ST's files and here."""
SHOWN = 12


@dataclass(frozen=True, slots=True)
class MatchReport:
    """State which tensors of a file went into a model; counters of batch normalisation are left out."""

    matched: tuple[str, ...]
    adapted: tuple[str, ...]
    """Among them, the first convolution where it was fitted to another number of image channels."""
    fresh: tuple[str, ...]
    """Tensors that stay new because they belong to other classes."""
    unused: tuple[str, ...]
    """Tensors that only the file has."""

    def __str__(self) -> str:
        """Return one line for the log, with the numbers by part and the names of all that did not match."""
        parts = Counter(name.partition(".")[0] for name in self.matched)
        told = ", ".join(f"{part} {count}" for part, count in parts.items())
        lines = [f"{len(self.matched)} of {len(self.matched) + len(self.fresh)} tensors were taken over ({told})"]
        for names, text in (
            (self.adapted, "fitted to another number of image channels"),
            (self.fresh, "new, because the classes differ"),
            (self.unused, "of the file not used"),
        ):
            if names:
                lines.append(f"{len(names)} {text}: {_listed(names)}")
        return "; ".join(lines)


def put(model: nn.Module, state: Mapping[str, torch.Tensor], name: str) -> MatchReport:
    """Put weights into a model, in place; layers of other classes stay new, the first convolution is fitted.

    Weights under ST's names are paired with those here in the order of the layers of each part.

    Raises:
        UserError: When anything else is missing or of another shape; the model is unchanged then.
    """
    own = {key: value for key, value in model.state_dict().items() if not key.endswith(COUNTER)}
    given = {key: value for key, value in state.items() if not key.endswith(COUNTER)}
    if any(key.startswith(GROUPS[0][0]) for key in given):
        given = _under_own_names(own, given, name)
    elif any(key.startswith(f"{YOLOD_PARTS[-1]}.") for key in given) and not set(own) <= set(given):
        given = _yolod_names(own, given, name)
    fitting = {key: value for key, value in given.items() if key in own and value.shape == own[key].shape}
    adapted = _fit_first(fitting, own, given)
    missing = [key for key in own if key not in given]
    other = [key for key in own if key in given and key not in fitting]
    changes = {_change(given[key].shape, own[key].shape) for key in other}
    if missing or None in changes or len(changes) > 1:
        raise _misfit(own, given, missing, other, name)
    model.load_state_dict(model.state_dict() | fitting)
    unused = tuple(key for key in given if key not in own)
    return MatchReport(matched=tuple(fitting), adapted=adapted, fresh=tuple(other), unused=unused)


def in_order(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], name: str) -> State:
    """Give weights of the same network in another library the names they have here, pairing them in their order.

    Raises:
        UserError: When the numbers of tensors differ.
    """
    values = [value for key, value in given.items() if not key.endswith(COUNTER)]
    names = [key for key in own if not key.endswith(COUNTER)]
    if len(values) != len(names):
        raise UserError(f"The weights have {len(values)} tensors, and {name} has {len(names)}.")
    return dict(zip(names, values, strict=True))


def _under_own_names(own: Mapping[str, torch.Tensor], given: State, name: str) -> State:
    renamed: State = {}
    for theirs, ours in GROUPS:
        part = {key: value for key, value in own.items() if key.startswith(ours)}
        found = {key: value for key, value in given.items() if key.startswith(theirs)}
        renamed |= in_order(part, found, f"{ours.rstrip('.')} of {name}")
    return renamed


def _yolod_names(own: Mapping[str, torch.Tensor], given: State, name: str) -> State:
    """Give the weights of an ST_YOLOD, whose layers have other names in ST's files, the names that they have here.

    The convolutions of the neck with a bias of their own are paired apart, since it is not known where they stand.
    """
    renamed: State = {}
    for part in YOLOD_PARTS:
        mine = {key: value for key, value in own.items() if key.startswith(f"{part}.")}
        theirs = {key: value for key, value in given.items() if key.startswith(f"{part}.")}
        if part == YOLOD_PARTS[0]:
            plain = own_names({key.partition(".")[2]: value for key, value in theirs.items()})
            theirs = {f"{part}.{key}": value for key, value in plain.items()}
            if set(mine) <= set(theirs):
                renamed |= theirs
                continue
        for biased in (True, False):
            ours, others = _split(mine, biased=biased), _split(theirs, biased=biased)
            renamed |= in_order(ours, others, f"{part} of {name}")
    return renamed


def _split(state: Mapping[str, torch.Tensor], *, biased: bool) -> State:
    """Return the tensors of the convolutions that have a bias of their own, or all the others."""
    filters = {key.rpartition(".")[0] for key, value in state.items() if value.ndim == FILTER_DIMENSIONS}
    layers = {layer for layer in filters if f"{layer}.bias" in state}
    return {key: value for key, value in state.items() if (key.rpartition(".")[0] in layers) == biased}


def _fit_first(fitting: State, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Fit the first convolution over images to another number of channels; return its name when it was fitted."""
    first = next((key for key, value in own.items() if value.ndim == FILTER_DIMENSIONS), None)
    if first is None or first not in given or first in fitting:
        return ()
    value, wanted = given[first], own[first].shape
    if value.ndim != FILTER_DIMENSIONS or value.shape[1] != RGB or value.shape[0] != wanted[0]:
        return ()
    if value.shape[2:] != wanted[2:]:
        return ()
    fitting[first] = adapt_input_conv(wanted[1], value)
    return (first,)


def _change(given: torch.Size, own: torch.Size) -> float | None:
    """Return by which factor the outputs of a layer differ, or nothing when more than that differs."""
    alike = len(given) == len(own) > 0 and given[1:] == own[1:]
    return given[0] / own[0] if alike else None


def _misfit(
    own: Mapping[str, torch.Tensor],
    given: Mapping[str, torch.Tensor],
    missing: list[str],
    other: list[str],
    name: str,
) -> UserError:
    lines = [f"The weights do not fit {name}:"]
    if missing:
        lines.append(f"  missing in the file: {_listed(missing)}")
    if other:
        shapes = [f"{key} {tuple(given[key].shape)}, expected {tuple(own[key].shape)}" for key in other]
        lines.append(f"  other shapes: {_listed(shapes)}")
    return UserError("\n".join(lines), hint="Check model.model_name and model.width_mult.")


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
