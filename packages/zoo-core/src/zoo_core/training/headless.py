"""Own weights without the classifier that only a training needs, for models whose use is what stands before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from zoo_core.training.checkpoint import read_weights, save_weights
from zoo_core.training.layers import classifier_layers

MARK = "headless"
"""Entry of the description that says that the classifier is missing."""


def save_headless(source: Path, path: Path, model: torch.nn.Module) -> Path:
    """Write the weights of a checkpoint without those of the model's classifier, described as having no classes.

    Raises:
        RunStoreError: When the disk is full or the folder cannot be written.
    """
    weights = read_weights(source)
    heads = classifier_layers(model)
    kept = {name: tensor for name, tensor in weights.state_dict.items() if name.rpartition(".")[0] not in heads}
    save_weights(path, kept, {**(weights.metadata or {}), "class_names": [], MARK: True})
    return path


def is_headless(metadata: Mapping[str, Any] | None) -> bool:
    """Tell whether the description of a checkpoint says that its classifier is missing."""
    return bool((metadata or {}).get(MARK))
