"""Own the JSON schema of the files of a use case, by which an editor completes and checks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from zoo_core.config.modes import CHAIN, LETTER_OF_MODE, MODE_ALIASES, SERVICE_OF_LETTER
from zoo_core.config.sections import SECTION_TYPES
from zoo_core.specs import TaskSpec

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMPUTED = {
    "type": "string",
    "pattern": r"^\s*([-+.(\[\d]|[a-z0-9]+\(|[Nn]one$|[Tt]rue$|[Ff]alse$|$)",
    "description": "An expression of numbers such as 1/127.5, or None.",
}
REFERENCE = {"type": "string", "pattern": r"\$\{", "description": "A reference such as ${VARIABLE}."}
NOTHING = {"type": "null"}
KINDS_READ_FROM_TEXT = ("integer", "number", "boolean", "array")
KEPT_OUTSIDE = ("description", "default", "title")


def file_schema(task: TaskSpec, catalog: Catalog) -> dict[str, Any]:
    """Return the JSON schema of a whole file: canonical keys, with the value extensions that are read.

    Raises:
        MissingError: When the section of a component needs a package that is not installed.
        PluginError: When the section of a component cannot be imported.
    """
    classes = _classes(task, catalog)
    unique = dict.fromkeys(section for sections in classes.values() for section in sections)
    names, definitions = models_json_schema([(section, "validation") for section in unique])
    properties: dict[str, Any] = {"operation_mode": _modes(), "use_case": {"enum": [task.name, *task.aliases]}}
    for name, sections in classes.items():
        choices = [names[section, "validation"] for section in dict.fromkeys(sections)]
        properties[name] = {"anyOf": [*choices, NOTHING], "description": _summary(sections[0])}
    kinds = {name: _relaxed_model(schema) for name, schema in definitions.get("$defs", {}).items()}
    return {
        "$schema": DIALECT,
        "title": f"Configuration of {task.name}",
        "type": "object",
        "properties": properties,
        "required": ["operation_mode"],
        "additionalProperties": False,
        "$defs": kinds,
    }


def _classes(task: TaskSpec, catalog: Catalog) -> dict[str, list[type[BaseModel]]]:
    """Return for each section the classes of every component that could be chosen."""
    found: dict[str, list[type[BaseModel]]] = {name: [section] for name, section in SECTION_TYPES.items()}
    owner = catalog.tasks.resolve(task.name)
    found.update({name: [owner.load(ref)] for name, ref in task.sections.items()})
    for section, registry in (("model", catalog.models), ("dataset", catalog.datasets)):
        own = [entry.load(entry.spec.config) for entry in registry.find("*", task.name)]
        found[section] = own or found[section]
    quantizers = [entry.load(entry.spec.config) for entry in catalog.quantizers]
    found["quantization"] = quantizers or found["quantization"]
    for trainer in catalog.trainers.find("*", task.name):
        if trainer.spec.config is not None:
            found["training"].append(trainer.load(trainer.spec.config))
    for target in catalog.targets:
        for name, ref in target.spec.sections.items():
            found[name].append(target.load(ref))
    return found


def _modes() -> dict[str, Any]:
    letters = "".join(SERVICE_OF_LETTER)
    return {
        "anyOf": [{"enum": [*LETTER_OF_MODE, *MODE_ALIASES]}, {"type": "string", "pattern": f"^{CHAIN}[{letters}]+$"}]
    }


def _summary(section: type[BaseModel]) -> str:
    return (section.__doc__ or "").partition("\n")[0]


def _relaxed_model(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in schema:
        return schema
    properties = {name: _relaxed(item) for name, item in schema["properties"].items()}
    spelled = {name.replace("-", "_"): item for name, item in properties.items() if "-" in name}
    return {**schema, "properties": {**properties, **spelled}}


def _relaxed(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow what is read beside the plain value: no value, a reference, and for numbers an expression."""
    outside = {key: schema[key] for key in KEPT_OUTSIDE if key in schema}
    inside = {key: value for key, value in schema.items() if key not in outside}
    choices = inside["anyOf"] if set(inside) == {"anyOf"} else [inside]
    kinds = [choice.get("type") for choice in choices]
    extras = [NOTHING, REFERENCE] if "null" not in kinds else [REFERENCE]
    if any(kind in KINDS_READ_FROM_TEXT for kind in kinds):
        extras.append(COMPUTED)
    return {**outside, "anyOf": [*choices, *extras]}
