"""Own what a run adds to the description in an ONNX file: what another tool left out, and how outputs are read now."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo_core.artifacts import OnnxModel, hash_file
from zoo_core.runs.files import disk_errors
from zoo_core.services.context import RunContext

READ = ("class_names", "preprocessing", "decoding")
"""Entries of a description that headers for devices are made of."""


def describe_file(context: RunContext, path: Path) -> None:
    """Say in a file of the run's own what the run knows of the model."""
    from zoo_core.export.onnx_file import write_metadata

    wanted = _missing(context, path)
    if wanted is not None:
        write_metadata(path, wanted)


def described(context: RunContext, model: OnnxModel, folder: Path) -> OnnxModel:
    """Return a model that says what the run knows of it: the same, or a copy below a folder when that is news.

    Raises:
        RunStoreError: When the copy cannot be written.
    """
    if _missing(context, model.path) is None:
        return model
    path = folder / model.path.name
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model.path, path)
    describe_file(context, path)
    return replace(model, path=path, sha256=hash_file(path))


def _missing(context: RunContext, path: Path) -> dict[str, Any] | None:
    """Return the whole description when the file lacks what others read of it, or says another decoding.

    What the file says of itself stays, up to the decoding: that is what the configuration says now.
    """
    from zoo_core.export.onnx_file import inspect_onnx

    stored, own = inspect_onnx(path).metadata, context.exported_description()
    news = {key: own[key] for key in READ if own[key] and key not in stored}
    decoding = stored.get("decoding") or {}
    if any(own["decoding"].get(key, value) != value for key, value in decoding.items()):
        news["decoding"] = own["decoding"]
    return {**own, **stored, **news} if news else None
