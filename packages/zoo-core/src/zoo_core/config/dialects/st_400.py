"""Own the placement of options in release 4.0.0, before loader and loop options left `general`."""

from __future__ import annotations

import copy
from typing import Any

from zoo_core.config.dialects.moves import Moves, look
from zoo_core.config.modes import MODE_ALIASES

LOADER_OPTIONS = ("workers", "pin_mem", "no_prefetcher", "use_multi_epochs_loader", "worker_seeding")
LOOP_OPTIONS = (
    "log_interval",
    "recovery_interval",
    "checkpoint_hist",
    "save_images",
    "amp",
    "amp_dtype",
    "amp_impl",
    "eval_metric",
    "tta",
    "no_ddp_bb",
    "synchronize_step",
    "log_wandb",
    "log_tb",
)
OTHERS = {
    "dataset.download_data": "dataset.data_download",
    "data_augmentation.scale": "data_augmentation.crop_range",
    "data_augmentation.horizontal_flip": "data_augmentation.hflip",
    "data_augmentation.vertical_flip": "data_augmentation.vflip",
    "preprocessing.mean": "preprocessing.normalization.mean",
    "preprocessing.std": "preprocessing.normalization.std",
}


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the options in the places they have had since March 2026."""
    data = copy.deepcopy(data)
    for name in LOADER_OPTIONS:
        moves.move(data, f"general.{name}", f"dataset.{name}")
        moves.move(data, f"training.{name}", f"dataset.{name}")
    for name in LOOP_OPTIONS:
        moves.move(data, f"general.{name}", f"training.{name}")
    for old, new in OTHERS.items():
        moves.move(data, old, new)
    mode = look(data, "operation_mode")
    if isinstance(mode, str) and mode in MODE_ALIASES:
        data["operation_mode"] = MODE_ALIASES[mode]
        moves.notes.append(f"operation_mode {mode} is read as {MODE_ALIASES[mode]}")
    return data
