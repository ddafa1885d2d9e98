"""Own plain words for what a field of a section takes."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from zoo_core.config.index_list import FORM as INDEX_FORM
from zoo_core.config.schedule import FORM as SCHEDULE_FORM
from zoo_core.config.values import IndexList, Schedule

MAX_FOUND = 80
MAX_LISTED = 24

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    str: "a text",
    Path: "a path",
    IndexList: INDEX_FORM,
    Schedule: SCHEDULE_FORM,
}
BOUNDS = {"gt": "greater than", "ge": "of at least", "lt": "less than", "le": "of at most"}
LISTS: tuple[Any, ...] = (tuple, list, set, frozenset)


def describe(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Return what a field expects: `a whole number greater than 0`, `one of fit, crop, padding`."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        own = tuple(item for extra in extras for item in getattr(extra, "metadata", [extra]))
        return describe(inner, (*own, *metadata))
    parts = _alternatives(annotation)
    if parts != [annotation]:
        return " or ".join(dict.fromkeys(describe(part, metadata) for part in parts))
    bounds = [
        f"{text} {getattr(item, name):g}" for item in metadata for name, text in BOUNDS.items() if hasattr(item, name)
    ]
    return " ".join([_kind(annotation), " and ".join(bounds)]).strip()


def _alternatives(annotation: Any) -> list[Any]:
    """Return the members of a union without `None`, lists last, their `Annotated` kept."""
    if get_origin(annotation) not in (Union, UnionType):
        return [annotation]
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return sorted(parts, key=lambda part: get_origin(part) in LISTS)


def _kind(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _choices(arguments)
    if origin in LISTS:
        return _items(arguments)
    if origin is dict:
        return "a section of keys and values"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a section"
    return WORDS.get(annotation, "another value")


def _choices(words: tuple[Any, ...]) -> str:
    texts = [repr(word) if word == "" else str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}"


def _items(arguments: tuple[Any, ...]) -> str:
    if arguments[-1] is Ellipsis or len(arguments) == 1:
        return f"a list, each item {describe(arguments[0])}"
    kinds = dict.fromkeys(describe(argument) for argument in arguments)
    return f"a list of {len(arguments)} items, each {' or '.join(kinds)}"


def listed(names: list[str]) -> str:
    """Return names in a row, the rest of a long row as a number."""
    rest = len(names) - MAX_LISTED
    return ", ".join(names) if rest <= 1 else f"{', '.join(names[:MAX_LISTED])} and {rest} more"


def shorten(value: Any) -> str:
    """Return a value as text of bounded length."""
    text = repr(value)
    return text if len(text) <= MAX_FOUND else f"{text[:MAX_FOUND]}..."
