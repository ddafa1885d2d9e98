"""Own single image files: those without labels as a data set, and the side that an annotation was made for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from zoo_core.data.images import read_image
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import Sample


class PlainImages:
    """Read image files that have no labels."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.targets: Sequence[Any] = (None,) * len(self.paths)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one file.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        return Sample(read_image(self.paths[index]), None, str(self.paths[index]))

    def name(self, index: int) -> str:
        """Return the path of one file."""
        return str(self.paths[index])


def as_annotated(path: Path, upright: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the image as the file stores it where that, and not the upright one, is what was annotated.

    Args:
        path: File of the image.
        upright: The image as its EXIF orientation says.
        size: (width, height) in pixels that the annotation states.

    Raises:
        UnreadableImageError: When neither has that size.
    """
    if upright.size == size[::-1]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as stored:
                stored.load()
                if stored.size == size:
                    return stored.copy()
    (width, height), (annotated_width, annotated_height) = upright.size, size
    cause = f"the image has {width}x{height} pixels, its annotation is made for {annotated_width}x{annotated_height}"
    raise UnreadableImageError(str(path), cause)
