"""Own the base class of every section: strict keys, safe values, nothing changeable afterwards."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from zoo_core.config.values import read_for


class Section(BaseModel):
    """Refuse unknown keys, read ST's value extensions where the field asks for them, stay immutable.

    A string given for a field that takes no text is read as an expression (`1/127.5`, `(224, 224, 3)`);
    `None` in any spelling is nothing. Nothing is ever executed.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        validate_default=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @field_validator("*", mode="before")
    @classmethod
    def _read_value(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name].annotation if info.field_name else None
        return read_for(annotation, value)
