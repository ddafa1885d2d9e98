"""Own what the rules for operators share: a stored operand, and the word that there is no integer form."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from zoo_stm32.lowering.qdq import Params


class NoIntegerFormError(Exception):
    """Say why a node must stay in floating point; caught by the rewriter, never seen by a user."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ask for one output of a node of the QDQ graph as it is stored under some parameters."""

    node: onnx.NodeProto
    tensor: str
    params: Params


@dataclass(frozen=True, slots=True)
class Operand:
    """Name a tensor of the lowered graph and say how it is quantized."""

    name: str
    params: Params
