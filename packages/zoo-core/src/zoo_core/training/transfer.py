"""Own the transfer of a backbone: all weights of another training but those of the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from timm.models import adapt_input_conv

from zoo_core.errors import UserError
from zoo_core.training.checkpoint import shorten
from zoo_core.training.layers import classifier_layers

RGB = 3
IMAGE_FILTERS = 4
"""Dimensions of the weights of a convolution over images."""
COUNTER = "num_batches_tracked"
"""Counter of batch normalisation that older checkpoints lack; nothing depends on it."""


@dataclass(frozen=True, slots=True)
class TransferReport:
    """State which tensors of a checkpoint went into a model and which did not."""

    transferred: tuple[str, ...]
    adapted: tuple[str, ...]
    """Among them, the first convolution when it was fitted to another number of channels."""
    fresh: tuple[str, ...]
    """Tensors of the classifier: the model keeps its own."""
    unused: tuple[str, ...]
    """Further tensors that only the checkpoint has."""

    def __str__(self) -> str:
        """Return one line for the log."""
        total = len(self.transferred) + len(self.fresh)
        parts = [f"{len(self.transferred)} of {total} tensors were transferred"]
        for names, text in (
            (self.adapted, "fitted to another number of image channels"),
            (self.fresh, "new, those of the classifier"),
            (self.unused, "of the checkpoint not used"),
        ):
            if names:
                parts.append(f"{len(names)} {text} ({shorten(names)})")
        return "; ".join(parts)


def transfer(
    model: torch.nn.Module, state_dict: Mapping[str, torch.Tensor], source: Path | str = "the checkpoint"
) -> TransferReport:
    """Copy every tensor but those of the classifier, and report.

    A first convolution for colour images is fitted to another number of channels as timm does it: by summing its
    weights for one channel, by repeating them for more.

    Raises:
        UserError: When the backbones differ, with what is missing or of another shape; the model is unchanged then.
    """
    own = model.state_dict()
    fresh = tuple(name for name in own if _belongs(name, classifier_layers(model)))
    wanted = [name for name in own if name not in fresh]
    fitting = {name: state_dict[name] for name in wanted if name in state_dict}
    adapted = _adapt_first(fitting, own)
    missing = [name for name in wanted if name not in fitting and not name.endswith(COUNTER)]
    shapes = [name for name, tensor in fitting.items() if tensor.shape != own[name].shape]
    if missing or shapes:
        raise _other_backbone(own, state_dict, missing, shapes, source)
    model.load_state_dict(own | fitting)
    return TransferReport(
        transferred=tuple(fitting),
        adapted=adapted,
        fresh=fresh,
        unused=tuple(name for name in state_dict if name not in own),
    )


def _belongs(tensor: str, layers: frozenset[str]) -> bool:
    return tensor.rpartition(".")[0] in layers


def _adapt_first(fitting: dict[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Fit the first convolution of the checkpoint to the channels of the model, in place; return its name."""
    first = next((name for name, tensor in own.items() if tensor.ndim == IMAGE_FILTERS), None)
    if first is None or first not in fitting or fitting[first].ndim != IMAGE_FILTERS:
        return ()
    given, wanted = fitting[first].shape, own[first].shape
    rest = (given[0], *given[2:]) == (wanted[0], *wanted[2:])
    if given[1] != RGB or wanted[1] == RGB or not rest:
        return ()
    fitting[first] = adapt_input_conv(wanted[1], fitting[first])
    return (first,)


def _other_backbone(
    own: Mapping[str, torch.Tensor],
    given: Mapping[str, torch.Tensor],
    missing: list[str],
    shapes: list[str],
    source: Path | str,
) -> UserError:
    lines = [f"The weights in {source} do not fit the backbone of the model:"]
    if missing:
        lines.append(f"  missing in the file: {shorten(missing)}")
    if shapes:
        told = [f"{name} {tuple(given[name].shape)}, expected {tuple(own[name].shape)}" for name in shapes]
        lines.append(f"  other shapes: {shorten(told)}")
    hint = "Give weights of the same architecture and width in model.pretrained_model_path; the classifier may differ."
    return UserError("\n".join(lines), hint=hint)
