"""Own how a value of the file is read for a field: text stays text, the rest is computed, `None` is nothing."""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from zoo_core.config.expressions import Expression, evaluate
from zoo_core.config.index_list import IndexList
from zoo_core.config.schedule import Schedule

NOTHING = frozenset({"", "none", "null", "~"})
"""Spellings of no value, in any case."""

__all__ = [
    "NOTHING",
    "Expression",
    "IndexList",
    "Schedule",
    "accepts_none",
    "accepts_text",
    "evaluate",
    "members",
    "read_for",
]


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of an annotation, `Annotated` removed: `PositiveInt | None` is `int`, `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(member for part in get_args(annotation) for member in members(part))
    return (annotation,)


def accepts_none(annotation: Any) -> bool:
    """Tell whether no value is a legal value."""
    return _has_none(members(annotation))


def accepts_text(annotation: Any) -> bool:
    """Tell whether a text is a legal value as it stands."""
    return _has_text(members(annotation))


def read_for(annotation: Any, value: Any) -> Any:
    """Read a value for a field: `1/127.5` becomes a number where no text is accepted, `None` nothing.

    What cannot be read comes back unchanged, for the field's own check to refuse.

    Raises:
        ValueError: When `True` or `False` is given for a number.
    """
    kinds = members(annotation)
    if isinstance(value, str):
        value = _read_text(kinds, value)
    if isinstance(value, bool):
        return _read_bool(kinds, value)
    if isinstance(value, list | tuple):
        return _read_items(kinds, value)
    if isinstance(value, dict):
        return _read_mapping(kinds, value)
    return value


def _read_text(kinds: tuple[Any, ...], text: str) -> Any:
    if any(text in _words(kind) for kind in kinds):
        return text
    if text.strip().casefold() in NOTHING and _has_none(kinds):
        return None
    if _has_text(kinds):
        return text
    try:
        return evaluate(text)
    except ValueError:
        return text


def _has_none(kinds: tuple[Any, ...]) -> bool:
    return any(kind in (None, type(None), Any) for kind in kinds)


def _has_text(kinds: tuple[Any, ...]) -> bool:
    return any(
        kind is Any
        or (isinstance(kind, type) and issubclass(kind, str | Path | IndexList | Schedule))
        or any(isinstance(word, str) for word in _words(kind))
        for kind in kinds
    )


def _words(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _read_bool(kinds: tuple[Any, ...], value: bool) -> bool:
    numbers = any(kind in (int, float) for kind in kinds)
    if numbers and not any(kind in (bool, Any) for kind in kinds):
        msg = f"expected a number, found {value}"
        raise ValueError(msg)
    return value


def _read_items(kinds: tuple[Any, ...], items: list[Any] | tuple[Any, ...]) -> Any:
    for kind in kinds:
        arguments = get_args(kind)
        if not arguments or get_origin(kind) not in (tuple, list, set, frozenset):
            continue
        if get_origin(kind) is not tuple or arguments[-1] is Ellipsis:
            return type(items)(read_for(arguments[0], item) for item in items)
        if len(arguments) == len(items):
            return type(items)(read_for(part, item) for part, item in zip(arguments, items, strict=True))
    return items


def _read_mapping(kinds: tuple[Any, ...], mapping: Mapping[Any, Any]) -> Any:
    for kind in kinds:
        if get_origin(kind) is dict:
            return {key: read_for(get_args(kind)[1], item) for key, item in mapping.items()}
    return mapping
