"""Own the reading of what one plugin declares: each spec is checked alone and dropped alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pluggy

from zoo_core.artifacts import InputSpec
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import SPEC_TYPES
from zoo_core.plugins.guard import describe_error
from zoo_core.specs import QuantizationLimits, Spec, TaskFiles

REQUIRED_REFERENCES = ("build", "config")
OPTIONAL_REFERENCES = ("family", "starter")
MOST_SPECS = 10_000
"""A hook that gives more than so many is taken to give them without end."""

_TYPES: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "str": lambda value: isinstance(value, str),
        "str | None": lambda value: value is None or isinstance(value, str),
        "bool": lambda value: isinstance(value, bool),
        "tuple[str, ...]": lambda value: isinstance(value, tuple) and all(isinstance(item, str) for item in value),
        "frozenset[str]": lambda value: isinstance(value, frozenset) and all(isinstance(item, str) for item in value),
        "frozenset[str] | None": lambda value: value is None or _TYPES["frozenset[str]"](value),
        "tuple[type[OnnxModel], ...]": lambda value: isinstance(value, tuple) and all(type(i) is type for i in value),
        "Mapping[str, str | int]": lambda value: isinstance(value, Mapping),
        "InputSpec": lambda value: isinstance(value, InputSpec),
        "TaskFiles": lambda value: isinstance(value, TaskFiles),
        "QuantizationLimits": lambda value: isinstance(value, QuantizationLimits),
    }
)
"""Annotation of a field, as specs write it -> whether a value agrees; references have a check of their own."""


@dataclass(slots=True)
class Declared:
    """Gather the sound specs of one plugin by kind, and what was wrong with the others."""

    specs: dict[str, list[Spec]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Why specs were dropped."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """Hooks that failed, so that an unknown number of specs is missing: (sentence, traceback)."""


def read_declarations(manager: pluggy.PluginManager, plugin: object) -> Declared:
    """Call the declaring hooks of one registered plugin and check every spec."""
    declared = Declared()
    for kind, expected in SPEC_TYPES.items():
        hook = f"zoo_{kind}"
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                _read_hook(declared, kind, expected, implementation.function)
    return declared


def _read_hook(declared: Declared, kind: str, expected: type[Spec], function: Callable[[], Any]) -> None:
    hook = f"zoo_{kind}"
    sound = declared.specs.setdefault(kind, [])
    names: set[str] = set()
    faults: dict[str, None] = {}
    count = 0
    try:
        for item in _items(function(), hook, expected):
            count += 1
            fault = spec_fault(item, hook, expected)
            if fault is None and item.name in names:
                fault = f"{item.kind} {item.name} is declared twice; the second is left out"
            if fault is None:
                names.add(item.name)
                sound.append(item)
            else:
                faults[fault] = None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the code of a plugin may raise anything
        after = f" after {count} spec{'s' if count != 1 else ''}; what follows is missing" if count else ""
        declared.failures.append((f"{hook} failed ({describe_error(error)}){after}", traceback.format_exc()))
    declared.faults.extend(faults)


def _items(given: Any, hook: str, expected: type[Spec]) -> Iterator[Any]:
    """Iterate over what a hook returned; nothing at all is as good as an empty list."""
    if given is None:
        return
    if isinstance(given, str | Mapping | Spec) or not isinstance(given, Iterable):
        msg = f"{hook} must yield or list {expected.__name__} objects; it returned {type(given).__name__}"
        raise TypeError(msg)
    for count, item in enumerate(given):
        if count == MOST_SPECS:
            msg = f"it gives more than {MOST_SPECS} specs"
            raise ValueError(msg)
        yield item


def spec_fault(item: Any, hook: str, expected: type[Spec]) -> str | None:
    """Return what is wrong with one declared object, or nothing."""
    if not isinstance(item, expected):
        return f"{hook} gave {type(item).__name__} instead of {expected.__name__}"
    try:
        faults = tuple(_type_faults(item)) or (*item.faults(), *_reference_faults(item))
    except Exception as error:  # noqa: BLE001 - fields of a foreign spec may have any type
        return f"{hook} gave a {expected.__name__} with fields of wrong types ({describe_error(error)})"
    return "; ".join(faults) or None


def _type_faults(spec: Spec) -> Iterator[str]:
    for name, declared in type(spec).__dataclass_fields__.items():
        annotation: Any = declared.type
        agrees = _TYPES.get(annotation)
        if agrees is not None and not agrees(value := getattr(spec, name)):
            yield f"{spec.kind} {spec.name!s:.80}: {name} must be {annotation}, not {value!r:.80}"


def _reference_faults(spec: Spec) -> Iterator[str]:
    references = [(name, getattr(spec, name)) for name in REQUIRED_REFERENCES if hasattr(spec, name)]
    optional = [(name, getattr(spec, name)) for name in OPTIONAL_REFERENCES if hasattr(spec, name)]
    if spec.kind == "trainer":  # its section class is optional
        references, optional = references[:1], [*references[1:], *optional]
    references.extend(pair for pair in optional if pair[1] is not None)
    sections: Mapping[str, Any] = getattr(spec, "sections", {})
    references.extend((f"sections[{name!r}]", ref) for name, ref in sections.items())
    for name, ref in references:
        if not isinstance(ref, LazyRef):
            given = type(ref).__name__
            yield f'{spec.kind} {spec.name}: {name} must be LazyRef("package.module:attribute"), not {given}'
