"""Own which class checks each section: that of the chosen component, else the use case's, else the shared one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from zoo_core.config.section import Section
from zoo_core.config.sections import SECTION_TYPES, RunConfig
from zoo_core.config.select import Choice
from zoo_core.errors import PluginError
from zoo_core.lazy import LazyRef

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import TargetSpec


def section_types(choice: Choice) -> dict[str, type[BaseModel]]:
    """Return the class of every section that means something for the chosen components.

    Raises:
        MissingError: When a package that a class needs is not installed.
        PluginError: When the class of a component cannot be imported, or is none for its section.
    """
    types: dict[str, type[BaseModel]] = dict(SECTION_TYPES)
    if choice.task is not None:
        types.update(_load(choice.task, choice.task.spec.sections))
    types.update(_target_types(choice))
    if choice.model is not None:
        types["model"] = _own(choice.model, "model", choice.model.spec.config)
    if choice.dataset is not None:
        types["dataset"] = _own(choice.dataset, "dataset", choice.dataset.spec.config)
    if choice.trainer is not None and choice.trainer.spec.config is not None:
        types["training"] = _own(choice.trainer, "training", choice.trainer.spec.config)
    if choice.quantizer is not None:
        types["quantization"] = _own(choice.quantizer, "quantization", choice.quantizer.spec.config)
    for section in choice.open_sections & set(types):
        types[section] = opened(types[section])
    return types


def _target_types(choice: Choice) -> dict[str, type[BaseModel]]:
    types: dict[str, type[BaseModel]] = {}
    targets: list[tuple[Resolved[TargetSpec] | None, str]] = [(found, "") for found in choice.infer_targets]
    targets += [(choice.deploy_target, "deployment"), (choice.benchmark_target, "benchmarking")]
    for target, own in targets:
        if target is not None:
            wanted = {name: ref for name, ref in target.spec.sections.items() if name in (own, "tools")}
            types.update(_load(target, wanted))
    return types


def _load(entry: Resolved[Any], sections: Mapping[str, LazyRef[type[BaseModel]]]) -> dict[str, type[BaseModel]]:
    return {name: _own(entry, name, ref) for name, ref in sections.items()}


def _own(entry: Resolved[Any], name: str, ref: LazyRef[type[BaseModel]]) -> type[BaseModel]:
    """Import the class that a component brings for a section, and make sure that it can stand there."""
    section: Any = entry.load(ref)
    base = SECTION_TYPES.get(name, Section)
    if name not in RunConfig.model_fields:
        fault = f"brings a section {name}, which a configuration does not have"
    elif not (isinstance(section, type) and issubclass(section, base)):
        fault = f"brings {ref.path} for the section {name}, which is no subclass of {base.__name__}"
    else:
        return section
    msg = f"{entry.provider}: {entry.spec.kind} {entry.spec.name} {fault}."
    raise PluginError(msg, hint="The plugin is broken; report it to its author.")


@cache
def opened(section: type[BaseModel]) -> type[BaseModel]:
    """Return a variant of a class that takes any further key, for components that are not installed."""
    return type(
        f"Open{section.__name__}", (section,), {"model_config": ConfigDict(extra="allow"), "__doc__": section.__doc__}
    )
