"""Own the base class of every section: strict keys, safe values, nothing changeable afterwards."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from zoo_core.config.values import NOTHING, accepts_none, accepts_text, read_for


class Section(BaseModel):
    """Refuse unknown keys, read ST's value extensions where the field asks for them, stay immutable.

    A string given for a field that takes no text is read as an expression (`1/127.5`, `(224, 224, 3)`);
    `None` in any spelling is nothing, and a key without a value is a key that is not there. A number given
    for a text is that text. Nothing is ever executed.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        validate_default=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_keys_without_value(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        annotations = {
            key: field.annotation for name, field in cls.model_fields.items() for key in (name, field.alias) if key
        }
        return {
            key: value
            for key, value in data.items()
            if key not in annotations or not _is_absent(annotations[key], value)
        }

    @field_validator("*", mode="before")
    @classmethod
    def _read_value(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name].annotation if info.field_name else None
        return read_for(annotation, value)


def _is_absent(annotation: Any, value: Any) -> bool:
    """Tell whether a value means that the key is not there: nothing, where nothing is not a legal value."""
    if accepts_none(annotation):
        return False
    if isinstance(value, str):
        return value.strip().casefold() in NOTHING and not accepts_text(annotation)
    return value is None
