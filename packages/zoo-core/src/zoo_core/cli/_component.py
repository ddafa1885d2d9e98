"""Own how a component is described to people and programs, from its spec alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from zoo_core.artifacts import InputSpec
from zoo_core.lazy import LazyRef
from zoo_core.plugins.registry import Resolved
from zoo_core.specs import Spec

KIND_SECTIONS = {"model": "model", "dataset": "dataset", "trainer": "training", "quantizer": "quantization"}
"""Kind of component -> section of the configuration that its `config` class describes."""


def component_document(entry: Resolved[Any]) -> dict[str, Any]:
    """Return the JSON form of a component: where it comes from and every field of its spec."""
    origin = {"qualified": entry.qualified, "distribution": entry.distribution, "version": entry.version}
    values = {field.name: _jsonable(getattr(entry.spec, field.name)) for field in fields(entry.spec)}
    return {"kind": entry.spec.kind, **values, "name": entry.name, **origin}


def section_classes(spec: Spec) -> dict[str, LazyRef[Any]]:
    """Return the configuration classes that a component brings, by section."""
    sections: dict[str, LazyRef[Any]] = dict(getattr(spec, "sections", {}))
    config: LazyRef[Any] | None = getattr(spec, "config", None)
    if config is not None:
        sections[KIND_SECTIONS[spec.kind]] = config
    return sections


def references(spec: Spec) -> tuple[LazyRef[Any], ...]:
    """Return every reference to code that a spec holds."""
    values = [getattr(spec, field.name) for field in fields(spec)]
    flat = [item for value in values for item in (value.values() if isinstance(value, Mapping) else [value])]
    return tuple(item for item in flat if isinstance(item, LazyRef))


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_jsonable(item) for item in value)
    if isinstance(value, tuple | list):
        return [_jsonable(item) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, LazyRef):
        return value.path
    if isinstance(value, InputSpec):
        return list(value.shape)
    if isinstance(value, type):
        return getattr(value, "kind", value.__name__)
    if is_dataclass(value):
        return {field.name: _jsonable(getattr(value, field.name)) for field in fields(value)}
    return value
