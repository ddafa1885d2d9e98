"""Own putting published weights into a network: by their names, or by their order where a library has other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from timm.models import adapt_input_conv
from torch import nn

from zoo_core.errors import MissingError
from zoo_core.networks.published import ALTERNATIVES
from zoo_core.training.checkpoint import StateDict

RGB = 3
FILTER_DIMENSIONS = 4
COUNTERS = "num_batches_tracked"
"""Numbers that batch normalisation keeps beside its statistics; they do not influence outputs."""
SHOWN = 5


def put(
    model: nn.Module,
    state: Mapping[str, torch.Tensor],
    name: str,
    may_differ: Callable[[str], bool] = lambda _: False,
) -> tuple[str, ...]:
    """Put published weights into a network and return the names of its tensors that stay new.

    The first convolution is adapted to other numbers of channels.

    Args:
        model: Changed in place.
        state: Weights under the names of the network.
        name: What users call the network.
        may_differ: Tells of the name of a tensor whether it may be missing, left over or of another shape; when absent,
            none may.

    Raises:
        MissingError: When anything else does not fit.
    """
    own = model.state_dict()
    fitting = {}
    for key, value in state.items():
        wanted = own[key].shape if key in own else None
        if value.shape == wanted:
            fitting[key] = value
        elif wanted is not None and _is_first_convolution(value, wanted):
            fitting[key] = adapt_input_conv(wanted[1], value)
    missing = {key for key in own if key not in fitting and not key.endswith(COUNTERS)}
    wrong = sorted(key for key in missing | (set(state) - set(own)) if not may_differ(key))
    if wrong:
        msg = f"The published weights do not fit {name}: {', '.join(wrong[:SHOWN])}."
        raise MissingError(msg, hint=ALTERNATIVES)
    model.load_state_dict(own | fitting)
    return tuple(key for key in own if key in missing)


def in_order(model: nn.Module, state: Mapping[str, torch.Tensor], name: str) -> StateDict:
    """Give weights of the same network in another library the names they have here, pairing them in their order.

    Raises:
        MissingError: When the networks differ.
    """
    own = {key: value for key, value in model.state_dict().items() if not key.endswith(COUNTERS)}
    given = [value for key, value in state.items() if not key.endswith(COUNTERS)]
    if len(own) != len(given):
        msg = f"The published weights have {len(given)} tensors, and {name} has {len(own)}."
        raise MissingError(msg, hint=ALTERNATIVES)
    return {
        key: value.flatten(1) if value.ndim > wanted.ndim else value
        for (key, wanted), value in zip(own.items(), given, strict=True)
    }


def _is_first_convolution(value: torch.Tensor, wanted: torch.Size) -> bool:
    return (
        value.ndim == len(wanted) == FILTER_DIMENSIONS
        and value.shape[1] == RGB
        and value.shape[0] == wanted[0]
        and value.shape[2:] == wanted[2:]
    )
