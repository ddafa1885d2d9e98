"""Own the spelling of a model's input: (height, width, channels) as Keras has it, and files given by address."""

from __future__ import annotations

import copy
from typing import Any

from zoo_core.config.dialects.moves import Moves, look, put, take
from zoo_core.config.values import evaluate

SHAPES = ("model.input_shape", "model.pretrained_input_shape")
CHANNELS = (1, 3, 4)
DIMENSIONS = 3
SCHEMES = ("http://", "https://")
PATH, ADDRESS = "model.model_path", "model.model_url"


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with shapes as (channels, height, width) and an address apart from paths."""
    data = copy.deepcopy(data)
    for key in SHAPES:
        shape = _sizes(look(data, key))
        if shape is not None and shape[-1] in CHANNELS and shape[0] not in CHANNELS:
            turned = [shape[-1], *shape[:-1]]
            put(data, key, turned)
            moves.notes.append(
                f"{moves.written(key)} {tuple(shape)} is read as (channels, height, width) {tuple(turned)}"
            )
    path = look(data, PATH)
    if isinstance(path, str) and path.casefold().startswith(SCHEMES):
        take(data, PATH)
        put(data, ADDRESS, path)
        moves.written_as[ADDRESS] = moves.written(PATH)
    return data


def _sizes(shape: Any) -> list[int] | None:
    if isinstance(shape, str):
        try:
            shape = evaluate(shape)
        except ValueError:
            return None
    if not isinstance(shape, list | tuple) or len(shape) != DIMENSIONS:
        return None
    if not all(isinstance(size, int) and not isinstance(size, bool) for size in shape):
        return None
    return list(shape)
