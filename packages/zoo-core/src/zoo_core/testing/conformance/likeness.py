"""Own the comparison of labels, which may be numbers, arrays, and anything made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Tell whether two labels are equal: arrays by all of their numbers, dataclasses and containers part by part."""
    if type(one) is not type(other):
        return False
    if hasattr(one, "shape"):
        return bool(one.shape == other.shape and (one == other).all())
    if is_dataclass(one) and not isinstance(one, type):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, Sequence) and not isinstance(one, str | bytes):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
