"""Own images that lie as plain pixels in few files: opened once, mapped into memory where the format allows it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.protocols import Sample

Pixels = npt.NDArray[np.uint8]
"""Shape (N, H, W) for grey images, (N, 3, H, W) for colour ones."""
PLANES = 3
"""Number of axes of a colour image, its planes first."""


class PixelFile:
    """Hold the pixels of one file; another process opens the file anew instead of receiving them."""

    def __init__(self, path: Path, opener: Callable[[Path], Pixels], pixels: Pixels | None = None) -> None:
        self.path = path
        self._opener = opener
        self._pixels: Pixels | None = opener(path) if pixels is None else pixels

    @property
    def pixels(self) -> Pixels:
        """Return the images of the file, shape (N, H, W) or (N, 3, H, W)."""
        if self._pixels is None:
            self._pixels = self._opener(self.path)
        return self._pixels

    @property
    def mapped(self) -> bool:
        """Tell whether the pixels stay on the disk, shared by all processes."""
        return isinstance(self.pixels, np.memmap)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to open the file."""
        return {"path": self.path, "_opener": self._opener, "_pixels": None}


class PixelImages:
    """Give access to the images of some pixel files; labels are known without reading."""

    def __init__(self, files: Sequence[PixelFile], targets: Sequence[Sequence[int]]) -> None:
        self.files = tuple(files)
        self.targets: Sequence[int] = [int(target) for labels in targets for target in labels]
        self._ends = list(accumulate(len(labels) for labels in targets))
        self.in_memory = not all(file.mapped for file in self.files)
        """Whether pixels had to be read into memory, so that loader processes would each need a copy."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.targets)

    def __getitem__(self, index: int) -> Sample:
        """Return one image."""
        file, row = self._find(index)
        pixels = file.pixels[row]
        if pixels.ndim == PLANES:
            pixels = pixels.transpose(1, 2, 0)
        return Sample(Image.fromarray(np.array(pixels, order="C")), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        """Return the path of the file and the number of the image in it: `.../test_batch/00017`."""
        file, row = self._find(index)
        return str(file.path / f"{row:05d}")

    def _find(self, index: int) -> tuple[PixelFile, int]:
        if not 0 <= index < len(self.targets):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        return self.files[number], index - (self._ends[number - 1] if number else 0)
