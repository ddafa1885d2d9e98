"""Own the place of `compression`: a section of its own in ST's files, a part of `quantization` here."""

from __future__ import annotations

import copy
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, Moves, is_nothing, look, take

OLD, NEW, HOST = "compression", "quantization.compression", "quantization"


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with `compression` inside `quantization`; a file that quantizes nothing compresses nothing."""
    data = copy.deepcopy(data)
    host = look(data, HOST)
    if host is not ABSENT and not is_nothing(host):
        moves.move(data, OLD, NEW)
    else:
        section = take(data, OLD)
        if section is not ABSENT and not is_nothing(section):
            moves.notes.append(f"{OLD} has no effect without the section {HOST}")
    return data
