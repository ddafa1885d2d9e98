"""Own how Lightning writes and reads the complete state of a training: atomically, and running no code of the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from zoo_core.runs.files import write_atomically
from zoo_core.training.checkpoint import read_checkpoint


class SafeCheckpointIO(CheckpointIO):  # type: ignore[misc] # Lightning is untyped here
    """Write to a temporary file first; read with `weights_only=True`."""

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            RunStoreError: When the disk is full or the folder cannot be written; an older file is intact then.
        """
        del storage_options
        write_atomically(Path(path), lambda stream: torch.save(dict(checkpoint), stream))

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> Any:
        """Read a checkpoint with its tensors on the CPU.

        Raises:
            UserError: When the file is no checkpoint or holds objects other than weights.
        """
        del map_location, weights_only
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)
