"""Own how what a torch model returns becomes a flat list of tensors with names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from zoo_core.errors import UserError

NAMES = "output_names"
"""Attribute of a model that names its outputs in their order."""


def flatten_outputs(outputs: Any) -> list[torch.Tensor]:
    """Return the tensors inside nested tuples, lists and mappings, in order.

    Raises:
        UserError: When a model returns something else, such as a number or a text.
    """
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    if isinstance(outputs, Mapping):
        outputs = list(outputs.values())
    if isinstance(outputs, list | tuple) and outputs:
        return [tensor for output in outputs for tensor in flatten_outputs(output)]
    raise UserError(
        f"The model returns {type(outputs).__name__}; expected a tensor, or tuples, lists and dicts of tensors.",
        hint="Change the model's forward so that it returns tensors only.",
    )


def output_names(count: int, own: Sequence[str] = ()) -> list[str]:
    """Return the model's own names of its outputs where it has one for each, else `output`, `output_1`, ..."""
    if own and len(own) == count:
        return list(own)
    return ["output", *(f"output_{index}" for index in range(1, count))]
