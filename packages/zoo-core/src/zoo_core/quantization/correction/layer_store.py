"""Own the keeping of learned layers on disk, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zoo_core.runs.files import write_atomically

FOLDER = "rounding"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedLayer:
    """Hold what was learned for one layer."""

    integers: npt.NDArray[np.int64]
    """Of the shape that the weights have in the graph."""
    shift: npt.NDArray[np.float64]
    """What the bias takes, one number per channel."""
    before: float
    """Mean squared error of the layer's output with the integers it had before, on the rows learned from."""
    after: float
    """The same with learned integers and the shift."""


class LayerStore:
    """Keep learned layers in a folder, one file each, under a fingerprint of all that decides what is learned."""

    def __init__(self, work_dir: Path | None, fingerprint: str) -> None:
        self._folder = None if work_dir is None else work_dir / FOLDER / fingerprint[:16]
        self.loaded = 0

    def load(self, name: str) -> LearnedLayer | None:
        """Return a layer that was learned before, or nothing; a damaged file counts as nothing."""
        path = self._path(name)
        if path is None or not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                layer = LearnedLayer(
                    integers=found["integers"].astype(np.int64),
                    shift=found["shift"].astype(np.float64),
                    before=float(found["before"]),
                    after=float(found["after"]),
                )
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
            return None
        self.loaded += 1
        return layer

    def save(self, name: str, layer: LearnedLayer) -> None:
        """Keep a layer.

        Raises:
            RunStoreError: When the disk is full, read-only or not ours.
        """
        path = self._path(name)
        if path is None:
            return
        integers = layer.integers.astype(np.int32)
        write_atomically(
            path,
            lambda file: np.savez_compressed(
                file, integers=integers, shift=layer.shift, before=layer.before, after=layer.after
            ),
            durable=False,
        )

    def _path(self, name: str) -> Path | None:
        """Return the file of a layer; its name is a number, because names of nodes hold slashes."""
        return None if self._folder is None else self._folder / f"{zlib.crc32(name.encode()):08x}.npz"
