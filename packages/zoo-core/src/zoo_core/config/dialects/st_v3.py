"""Own the layout of releases before 4: the model inside `training`, its file inside `general`."""

from __future__ import annotations

import copy
import re
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, Moves, is_nothing, look, take
from zoo_core.config.expressions import evaluate

RENAMED = {
    "general.model_path": "model.model_path",
    "general.model_type": "model.model_type",
    "general.global_seed": "general.seed",
    "general.num_threads_tflite": "general.num_threads",
    "dataset.name": "dataset.dataset_name",
    "model.name": "model.model_name",
}
MODEL = "training.model"
VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?", re.IGNORECASE)
WITH_ALPHA = ("mobilenet", "fdmobilenet")
WITH_VERSION = ("squeezenet", "st_efficientnet_lc", "st_fdmobilenet", "st_resnet_8_hybrid")
PARTS = ("version", "alpha", "depth")
WEIGHTS = "pretrained_weights"


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with its model in the `model` section."""
    data = copy.deepcopy(data)
    for old, new in RENAMED.items():
        moves.move(data, old, new)
    section = look(data, MODEL)
    if section is ABSENT:
        return data
    if is_nothing(section):
        take(data, MODEL)
    elif isinstance(section, dict):
        _move_model(data, moves)
    return data


def _move_model(data: dict[str, Any], moves: Moves) -> None:
    section: dict[str, Any] = take(data, MODEL)
    name = section.pop("name", None)
    parts: dict[str, Any] = {key: section[key] for key in PARTS if key in section}
    if isinstance(name, str):
        full = model_name(name, parts)
        if full != name:  # else they are arguments of a model of the user's own
            section = {key: value for key, value in section.items() if key not in PARTS}
        moves.place(data, full, f"{MODEL}.name", "model.model_name", _describe(name, parts, full))
    elif not is_nothing(name):
        moves.complain(f"{MODEL}.name", f"expected a text, found {name!r}")
    if WEIGHTS in section:
        weights = section.pop(WEIGHTS)
        _move_weights(data, weights, moves)
    for key, value in section.items():
        moves.place(data, value, f"{MODEL}.{key}", f"model.{key}", f"{MODEL}.{key} is read as model.{key}")


def _move_weights(data: dict[str, Any], weights: Any, moves: Moves) -> None:
    old, pretrained = f"{MODEL}.{WEIGHTS}", not is_nothing(weights)
    moves.place(data, pretrained, old, "model.pretrained", f"{old} is read as model.pretrained {pretrained}")
    if pretrained:
        new = "model.pretrained_dataset"
        moves.place(data, weights, old, new, f"{old} is read as {new} {weights}")


def _describe(name: str, parts: dict[str, Any], full: str) -> str:
    given = ", ".join([f"name {name}", *(f"{key} {value}" for key, value in parts.items() if value is not None)])
    return f"{MODEL} ({given}) is read as model.model_name {full}"


def model_name(name: str, parts: dict[str, Any]) -> str:
    """Return the one-word name of a network given by name, version, alpha and depth; others unchanged.

    `mobilenet`, `v2`, alpha 0.35 is `mobilenetv2_a035`; `resnet`, `v1`, depth 8 is `resnet8`.
    """
    alpha, depth = _number(parts.get("alpha")), _number(parts.get("depth"))
    version = _version(parts.get("version"))
    if name in WITH_ALPHA and alpha is not None:
        return f"{name}{version if name == 'mobilenet' else ''}_a{round(alpha * 100):03d}"
    if name == "resnet" and depth is not None:
        return f"resnet{round(depth)}{'' if version in ('', 'v1') else version}"
    if name == "resnet50" and version:
        return f"resnet50{version}"
    if name in WITH_VERSION and version:
        return f"{name.replace('_lc', 'lc') if name == 'st_efficientnet_lc' else name}{version}"
    if name in ("efficientnet", "efficientnet_v2", "efficientnetv2") and version:
        return f"efficientnetv2{version.removeprefix('v2').lower()}"
    return "st_mnistv1" if name in ("stmnist", "st_mnist") else name


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = evaluate(value)
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _version(value: Any) -> str:
    if is_nothing(value):
        return ""
    match = VERSION.fullmatch(str(value))
    return f"v{match[1]}{match[2] or ''}" if match else str(value)
