"""Own other spellings around `data_augmentation`, and the refusal of functions that a file would have executed."""

from __future__ import annotations

import copy
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, Moves, is_nothing, take

CUSTOM = "custom_data_augmentation"
HSV = {"delta_hue": "hue_delta", "delta_saturation": "saturation_delta", "delta_value": "value_delta"}
"""Names of ST's documentation -> those of its code."""


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the documented keys of `random_hsv` under one name each, without a function of the user's own."""
    data = copy.deepcopy(data)
    for old, new in HSV.items():
        moves.move(data, f"data_augmentation.random_hsv.{old}", f"data_augmentation.random_hsv.{new}")
    custom = take(data, CUSTOM)
    if custom is not ABSENT and not is_nothing(custom):
        moves.complain(
            CUSTOM,
            "a function of one's own is not executed from a file",
            "Write a plugin whose data set changes its training images: docs/plugins/writing.md. "
            "The functions that exist already are listed under data_augmentation.",
        )
    return data
