"""Own a look at what a model file says of itself, for files whose use case the configuration does not name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zoo_core.artifacts import METADATA_KEY

WEIGHT_SUFFIXES = (".pt", ".pth", ".tar", ".ckpt")


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the description that an export or a training stored in a file, empty when there is none.

    A file that cannot be read has none here; whoever loads the model says what is wrong with it.
    """
    if not path.is_file():
        return {}
    try:
        if path.suffix == ".onnx":
            found = _of_onnx(path)
        elif path.suffix in WEIGHT_SUFFIXES:
            found = _of_weights(path)
        else:
            return {}
    except Exception:  # noqa: BLE001 - readers of foreign formats raise anything for a file that is not theirs
        return {}
    return found if isinstance(found, dict) else {}


def _of_onnx(path: Path) -> Any:
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    text = next((entry.value for entry in model.metadata_props if entry.key == METADATA_KEY), "{}")
    return json.loads(text)


def _of_weights(path: Path) -> Any:
    import torch

    content = torch.load(path, map_location="cpu", weights_only=True)
    found = content.get(METADATA_KEY) if isinstance(content, dict) else None
    return json.loads(found) if isinstance(found, str) else found
