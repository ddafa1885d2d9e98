"""Rewrite what other releases put elsewhere to the canonical places; one module per dialect."""

from __future__ import annotations

from typing import Any

from zoo_core.config.dialects import (
    augmentation,
    compression,
    keras_optimizers,
    lr_callbacks,
    model_input,
    st_400,
    st_detection,
    st_v3,
)
from zoo_core.config.dialects.moves import Moves

DIALECTS = (
    st_v3.rewrite,
    st_detection.rewrite,
    keras_optimizers.rewrite,
    lr_callbacks.rewrite,
    st_400.rewrite,
    model_input.rewrite,
    augmentation.rewrite,
    compression.rewrite,
)
"""In the order in which they are applied: the oldest placement first, so that a later one can take it on."""

__all__ = ["DIALECTS", "Moves", "rewrite"]


def rewrite(data: dict[str, Any]) -> tuple[dict[str, Any], Moves]:
    """Return the canonical form of a composed file, and what was moved to get there."""
    moves = Moves()
    for dialect in DIALECTS:
        data = dialect(data, moves)
    return data, moves
