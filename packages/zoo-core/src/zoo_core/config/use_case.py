"""Own the inference of the use case: named, or told by the model, its file, or the data set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, is_nothing, look
from zoo_core.config.lookup import Lookup, labels
from zoo_core.errors import UserError
from zoo_core.lazy import LazyRef
from zoo_core.names import suggest
from zoo_core.plugins.registry import Resolved
from zoo_core.specs import TaskSpec

KEY = "use_case"
MODEL_NAME = "model.model_name"
MODEL_TYPE = "model.model_type"
MODEL_PATH = "model.model_path"
DATASET_NAME = "dataset.dataset_name"
PROJECT = "deployment.c_project_path"
BENCHMARK_ONLY = "b"
"""Services of the one mode that needs no use case."""
NO_USE_CASE = "none"


def find_use_case(lookup: Lookup, metadata: Mapping[str, Any], letters: str = "") -> Resolved[TaskSpec] | None:
    """Return the use case of a configuration.

    In this order: `use_case`, the model's, that of `model_type`, what the model file says of itself, the data
    set's, that of ST's C project, that of keys which no other has, the only installed one. Where several use cases
    have a model of the name, the one whose own keys are given, else what comes after the model in this list, else
    the one that needs no such keys. What contradicts or leaves it open is noted. To measure an ONNX model none is
    needed.

    Args:
        lookup: The configuration and the registries.
        metadata: What the model file says of itself.
        letters: Services of the operation mode.
    """
    tasks = lookup.catalog.tasks
    bare = letters == BENCHMARK_ONLY and lookup.text(MODEL_NAME) is None and _is_onnx(lookup.text(MODEL_PATH))
    if name := lookup.text(KEY):
        return lookup.resolve(tasks, name, KEY)
    told = _told(lookup, metadata)
    if told is not None and (told in tasks or not bare):
        return _followed(lookup, told)
    if told is None and len(tasks) == 1:
        return next(iter(tasks))
    if bare:
        return _no_use_case()
    if not lookup.issues:
        listed = ", ".join(tasks.names()) or "none is installed"
        hint = f"Add use_case: NAME at the top level; installed use cases: {listed}."
        lookup.complain(KEY, "the use case follows from nothing in the configuration", hint)
    return None


def _told(lookup: Lookup, metadata: Mapping[str, Any]) -> str | None:
    """Return the use case that follows from what else is given."""
    owners = _of_model(lookup)
    told = (
        _only(owners)
        or _of_type(lookup)
        or metadata.get(KEY)
        or _of_dataset(lookup)
        or _of_project(lookup)
        or _of_keys(lookup)
        or _only([name for name in owners if not lookup.catalog.tasks.get(name).keys])
    )
    return None if told is None else str(told)


def _followed(lookup: Lookup, told: str) -> Resolved[TaskSpec] | None:
    try:
        return lookup.catalog.tasks.resolve(told)
    except UserError as error:
        lookup.complain(KEY, f'it follows to be "{told}". {error.message}', error.hint)
        return None


def _is_onnx(path: str | None) -> bool:
    return path is not None and path.casefold().endswith(".onnx")


def _no_use_case() -> Resolved[TaskSpec]:
    """Return what stands for the use case of a model file that is only measured."""
    from zoo_core import __version__

    build: LazyRef[Any] = LazyRef("zoo_core.inference.bare_model:build", extra="zoo-core[onnx]")
    spec = TaskSpec(name=NO_USE_CASE, summary="Measure any model file.", build=build)
    return Resolved(spec=spec, distribution="zoo-core", version=__version__, name=NO_USE_CASE)


def _of_model(lookup: Lookup) -> list[str]:
    """Return the use cases that have a model of the name, those whose own keys are given where several do."""
    name = lookup.text(MODEL_NAME)
    if name is None:
        return []
    models, tasks = lookup.catalog.models, lookup.catalog.tasks
    owners = sorted({entry.spec.task for entry in models.owners(name)})
    if not owners:
        found = lookup.resolve(models, name, MODEL_NAME)
        near = found.spec.task if found else _of_near_model(lookup, name)
        return [near] if near else []
    if len(owners) == 1 and owners[0] in tasks and tasks.get(owners[0]).keys and not _has_keys(lookup, owners[0]):
        owners = sorted({entry.spec.task for entry in models.owners(name, families=True)})
    shown = [owner for owner in owners if owner in tasks and _has_keys(lookup, owner)]
    return shown if len(owners) > 1 and len(shown) == 1 else owners


def _has_keys(lookup: Lookup, task: str) -> bool:
    keys = lookup.catalog.tasks.get(task).keys
    values = (look(lookup.data, key) for key in keys)
    return any(value is not ABSENT and not is_nothing(value) for value in values)


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _of_near_model(lookup: Lookup, name: str) -> str | None:
    """Return the use case of the model that a misspelt name means, so that other sections are checked by its rules."""
    near = next(iter(suggest(name, labels(lookup.catalog.models))), None)
    if near is None:
        return None
    try:
        return str(lookup.catalog.models.resolve(near).spec.task)
    except UserError:  # several plugins have a model of this name
        return None


def _of_type(lookup: Lookup) -> str | None:
    kind = lookup.text(MODEL_TYPE)
    owners = [entry.spec.name for entry in lookup.catalog.tasks if kind in entry.spec.model_types]
    return owners[0] if len(owners) == 1 else None


def _of_dataset(lookup: Lookup) -> str | None:
    name = lookup.text(DATASET_NAME)
    if name is None or name not in lookup.catalog.datasets:
        return None
    try:
        return lookup.catalog.datasets.resolve(name).spec.task
    except UserError:  # several use cases have a data set of this name
        return None


def _of_project(lookup: Lookup) -> str | None:
    """Return the use case that a folder of ST's C project is named after, such as `image_classification`."""
    parts = {part.casefold() for part in re.split(r"[/\\\\]", lookup.text(PROJECT) or "")}
    owners = [entry.spec.name for entry in lookup.catalog.tasks if parts & {entry.spec.name, *entry.spec.aliases}]
    return owners[0] if len(owners) == 1 else None


def _of_keys(lookup: Lookup) -> str | None:
    """Return the use case that alone has some of the keys that are given."""
    return _only([entry.spec.name for entry in lookup.catalog.tasks if _has_keys(lookup, entry.spec.name)])
