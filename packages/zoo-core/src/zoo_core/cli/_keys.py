"""Own the table of keys that a section takes, read from its configuration class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

REQUIRED = "(required)"


@dataclass(frozen=True, slots=True)
class Key:
    """Describe one key: its dotted name, what it takes, its value when absent, its meaning."""

    name: str
    takes: str
    default: str
    meaning: str


def section_keys(cls: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    """Yield every key of a section, those of its subsections under dotted names."""
    from zoo_core.config.describe import describe

    for name, field in cls.model_fields.items():
        dotted = f"{prefix}{field.alias or name}"
        inner = _subsection(field.annotation)
        if inner is None:
            takes = describe(field.annotation, tuple(field.metadata))
            yield Key(dotted, takes, _default(field), _first_paragraph(field.description))
        else:
            yield from section_keys(inner, f"{dotted}.")


def _subsection(annotation: Any) -> type[BaseModel] | None:
    from pydantic import BaseModel

    candidates = [annotation, *get_args(annotation)]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return REQUIRED
    value = field.get_default(call_default_factory=True, validated_data={})
    match value:
        case "":
            return '""'
        case tuple():
            return str(list(value))
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").split("\n\n", maxsplit=1)[0].split())
