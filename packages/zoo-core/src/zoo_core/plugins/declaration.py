"""Own the reading of what one plugin declares: each spec is checked alone and dropped alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pluggy

from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import SPEC_TYPES
from zoo_core.plugins.guard import describe_error
from zoo_core.specs import Spec

REQUIRED_REFERENCES = ("build", "config")
OPTIONAL_REFERENCES = ("family", "starter")


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
    count = 0
    try:
        for item in _items(function(), hook, expected):
            count += 1
            if fault := spec_fault(item, hook, expected):
                declared.faults.append(fault)
            elif any(item.name == other.name for other in sound):
                declared.faults.append(f"{item.kind} {item.name} is declared twice; the second is left out")
            else:
                sound.append(item)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of a plugin may raise anything
        after = f" after {count} spec{'s' if count != 1 else ''}; what follows is missing" if count else ""
        declared.failures.append((f"{hook} failed ({describe_error(error)}){after}", traceback.format_exc()))


def _items(given: Any, hook: str, expected: type[Spec]) -> Iterator[Any]:
    """Iterate over what a hook returned; nothing at all is as good as an empty list."""
    if given is None:
        return
    if isinstance(given, str | Mapping | Spec) or not isinstance(given, Iterable):
        msg = f"{hook} must yield or list {expected.__name__} objects; it returned {type(given).__name__}"
        raise TypeError(msg)
    yield from given


def spec_fault(item: Any, hook: str, expected: type[Spec]) -> str | None:
    """Return what is wrong with one declared object, or nothing."""
    if not isinstance(item, expected):
        return f"{hook} gave {type(item).__name__} instead of {expected.__name__}"
    try:
        faults = (*item.faults(), *_reference_faults(item))
    except Exception as error:  # noqa: BLE001 - fields of a foreign spec may have any type
        return f"{hook} gave a {expected.__name__} with fields of wrong types ({describe_error(error)})"
    return "; ".join(faults) or None


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
