"""Own the way of a configuration class through YAML and back, with values it did not choose itself."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from zoo_core.testing.conformance.likeness import same

CANDIDATES: tuple[Any, ...] = (True, False, 1, 2, 8, 0.25, 1.5, "text", [1], [1, 2, 3], [0.5, 0.5], ["text"])
"""Values that are tried in each field; those that the class refuses are passed over."""
SIMPLE = {str: "text", int: 8, float: 0.5, bool: True}


def round_trip_faults(section: type[BaseModel], example: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for every object of a class that is another one after YAML.

    The defaults are tried, and each field with the first value that it takes and that is not its default.

    Args:
        section: Class of a section.
        example: Keys that an object cannot be made without, where they cannot be guessed.
    """
    start = {**_required(section), **example}
    try:
        plain = section.model_validate(start)
    except ValidationError as error:
        listed = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        yield f"{section.__qualname__} cannot be made from {start or 'nothing'} ({listed}); override example()"
        return
    yield from _faults(section, plain)
    for name, field in section.model_fields.items():
        for other in _varied(section, start, name, field, plain):
            yield from _faults(section, other)


def _faults(section: type[BaseModel], value: BaseModel) -> Iterator[str]:
    import yaml

    given = {name: getattr(value, name) for name in sorted(value.model_fields_set)}
    label = f"{section.__qualname__}({', '.join(f'{key}={item!r}' for key, item in given.items())})"
    try:
        written = yaml.safe_dump(value.model_dump(mode="json"))
        read = section.model_validate(yaml.safe_load(written) or {})
        again = yaml.safe_dump(read.model_dump(mode="json"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        yield f"{label} does not read back what it wrote: {place}: {first['msg']}"
        return
    except (yaml.YAMLError, ValueError, TypeError) as error:
        yield f"{label} cannot be written as YAML: {error}"
        return
    if again != written or not same(value, read):
        yield f"{label} is another one after YAML: {value!r} became {read!r}"


def _varied(
    section: type[BaseModel], start: dict[str, Any], name: str, field: FieldInfo, plain: BaseModel
) -> Iterator[BaseModel]:
    """Yield the object with the first value in one field that the class takes and that is not what it was."""
    for candidate in (*_literals(field.annotation), *CANDIDATES):
        try:
            other = section.model_validate({**start, name: candidate})
        except (ValidationError, ValueError, TypeError):
            continue
        if getattr(other, name) != getattr(plain, name):
            yield other
            return


def _required(section: type[BaseModel]) -> dict[str, Any]:
    """Return a value for every field that has no default, as far as its type says which."""
    found = {name: _simple(field.annotation) for name, field in section.model_fields.items() if field.is_required()}
    return {name: value for name, value in found.items() if value is not None}


def _simple(annotation: Any) -> Any:
    for kind in _members(annotation):
        if get_origin(kind) is Literal:
            return get_args(kind)[0]
        if kind in SIMPLE:
            return SIMPLE[kind]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return _required(kind)
    return None


def _literals(annotation: Any) -> list[Any]:
    return [value for kind in _members(annotation) if get_origin(kind) is Literal for value in get_args(kind)]


def _members(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if is_union else (annotation,)
