"""Own plain words for what pydantic found wrong with a section, one fault per key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from zoo_core.config.describe import describe, listed, shorten
from zoo_core.config.dialects.moves import ABSENT, look
from zoo_core.config.values import accepts_text, evaluate, members
from zoo_core.names import did_you_mean, suggest

ARITHMETIC = re.compile(r"[\d+*/()]")
NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold one thing that is wrong with a section: dotted key below it, message, cure."""

    key: str
    message: str
    hint: str | None = None
    missing: bool = False
    """Whether it is only that a needed key is not there."""
    meant: str | None = None
    """Key that a misspelt one most likely stands for; that one is then not missed as well."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Point at the field that an error is about."""

    key: str
    owner: type[BaseModel]
    """Class of the section that the key stands in."""
    field: FieldInfo | None
    """Nothing for a key that the section does not have, and for the section as a whole."""

    @property
    def expected(self) -> str:
        """Return what the field takes."""
        return describe(self.field.annotation, tuple(self.field.metadata)) if self.field else "a section"


def faults(
    error: ValidationError, section: type[BaseModel], data: Mapping[str, Any], elsewhere: Mapping[str, str] = NOWHERE
) -> Iterator[Fault]:
    """Translate the errors of a section.

    Args:
        error: What pydantic raised.
        section: Class that was validated.
        data: What was given to it.
        elsewhere: Key -> section where a key of this name belongs.
    """
    seen: set[str] = set()
    found: list[Fault] = []
    for item in error.errors(include_url=False):
        spot = _locate(section, item["loc"])
        if spot.key in seen:
            continue
        seen.add(spot.key)
        given = look(data, spot.key) if spot.key else item["input"]
        if item["type"] == "extra_forbidden":
            found.append(_unknown(spot, elsewhere))
        elif item["type"] in ("value_error", "assertion_error"):
            found.append(Fault(spot.key, str(item.get("ctx", {}).get("error") or item["msg"])))
        elif given is ABSENT:
            found.append(Fault(spot.key, f"a value is needed: {spot.expected}", missing=True))
        else:
            message = f"expected {spot.expected}, found {shorten(given)}"
            found.append(Fault(spot.key, message, _text_fault(spot.field, given)))
    misspelt = {fault.meant for fault in found if fault.meant}
    return (fault for fault in found if not (fault.missing and fault.key in misspelt))


def _locate(section: type[BaseModel], location: tuple[Any, ...]) -> _Spot:
    """Follow a location down to the field at fault; what pydantic adds below a field is left out."""
    path: list[str] = []
    owner, field = section, None
    for part in location:
        path.append(str(part))
        field = _field(owner, part)
        inner = next((kind for kind in members(field.annotation) if _is_section(kind)), None) if field else None
        if inner is None or len(path) == len(location):
            break
        owner = inner
    return _Spot(".".join(path), owner, field)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _field(owner: type[BaseModel], part: Any) -> FieldInfo | None:
    fields = owner.model_fields
    return fields.get(part) or next((field for field in fields.values() if field.alias == part), None)


def _unknown(spot: _Spot, elsewhere: Mapping[str, str]) -> Fault:
    name = spot.key.rpartition(".")[2]
    legal = [field.alias or known for known, field in spot.owner.model_fields.items()]
    near, close = did_you_mean(name, legal), suggest(name, legal, limit=1)
    if near is None and name in elsewhere:
        return Fault(spot.key, "there is no such key here", f"It belongs to {elsewhere[name]}.")
    meant = f"{spot.key.removesuffix(name)}{close[0]}" if close else None
    return Fault(spot.key, "there is no such key", near or f"Legal are {listed(legal)}.", meant=meant)


def _text_fault(field: FieldInfo | None, found: Any) -> str | None:
    """Say why a text was not read as an expression, where it looks like one."""
    if field is None or not isinstance(found, str) or accepts_text(field.annotation) or not ARITHMETIC.search(found):
        return None
    if found.startswith("(") and not found.endswith(")"):
        return "A value in parentheses needs quotes where it stands between { and }."
    try:
        evaluate(found)
    except ValueError as error:
        return f"As an expression it cannot be read: {error}."
    return None
