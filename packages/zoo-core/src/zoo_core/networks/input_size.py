"""Own the refusal of image sizes that a library's network cannot take, found out without computing anything."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError

Size = tuple[int, int]
"""Height and width in pixels."""
FAILURES = (RuntimeError, AssertionError, ValueError, ArithmeticError, LookupError)


def refuse_size(build: Callable[[Size], nn.Module], name: str, input: InputSpec, usual: Size) -> None:
    """Refuse images of a size that the network cannot take.

    Networks without memory for their numbers are run; one that fails at its usual size too tells nothing.

    Raises:
        UserError: When the network fails at this size and works at its usual one.
    """
    size = (input.height, input.width)
    if size == usual:
        return
    reason = _failure(build, input.channels, size)
    if reason and not _failure(build, input.channels, usual):
        msg = f"model.input_shape: {name} cannot take images of {size[0]}x{size[1]} pixels ({reason})."
        raise UserError(msg, hint=f"Its usual size is {usual[0]}x{usual[1]}; multiples of 32 often work.")


def _failure(build: Callable[[Size], nn.Module], channels: int, size: Size) -> str:
    try:
        with torch.device("meta"), torch.no_grad():
            build(size).eval()(torch.empty(2, channels, *size))
    except FAILURES as error:
        return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return ""
