"""Own what a model file says of itself, and the comparison of that with the configuration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo_core.errors import UserError
from zoo_core.runs.manifest import installed_versions

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig
    from zoo_core.protocols import ModelInfo, Task

METADATA_VERSION = 1
SHOWN_ITEMS = 5


def outputs_are_classes(task: Task) -> bool:
    """Tell whether the outputs of exported models stand for the classes that the model was trained with."""
    return bool(getattr(task, "outputs_are_classes", True))


def hash_data(data: Any) -> str:
    """Return the SHA-256 of JSON-able data, independent of the order of keys."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_model(config: RunConfig, info: ModelInfo, task: Task) -> dict[str, Any]:
    """Return the description that stands in every checkpoint and exported model of a run."""
    canonical = config.canonical()
    return {
        "schema_version": METADATA_VERSION,
        "use_case": config.use_case,
        "model_name": info.name,
        "model": canonical.get("model", {}),
        "input": list(info.input.shape),
        "class_names": list(info.class_names),
        "preprocessing": task.preprocessing.to_metadata(),
        "decoding": task.decoder().describe(),
        "versions": installed_versions(("zoo-core", f"zoo-{config.use_case}")),
        "config_hash": hash_data(canonical),
    }


def refuse_contradictions(
    found: Mapping[str, Any], wanted: Mapping[str, Any], path: object, key: str = "model.model_path"
) -> None:
    """Compare a model's description of itself with the configuration, key by key; `key` is where the file was given.

    Raises:
        UserError: Naming both sides of everything that differs.
    """
    differences = [
        f"{key}: the model says {_short(found[key])}, the configuration says {_short(value)}"
        for key, value in wanted.items()
        if key in found and found[key] != value
    ]
    if differences:
        raise UserError(
            "\n".join([f"{path} contradicts the configuration:", *(f"  {line}" for line in differences)]),
            hint=f"Change the configuration to what the model was made for, or give another {key}.",
        )


def _short(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > SHOWN_ITEMS:
        head = ", ".join(str(item) for item in value[:SHOWN_ITEMS])
        return f"[{head}, ... {len(value)} in all]"
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, default=str)
    return str(value)
