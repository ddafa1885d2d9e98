"""Own what image folders hold: which of many named files are there, and the sizes that the files state."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path

from PIL import Image

from zoo_core.data.images import list_images
from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import Progress

ORIENTATION = 0x0112
TURNED = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange width and height."""


class FileIndex:
    """Answer whether files exist, listing every folder once instead of asking for each file."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def __contains__(self, path: Path) -> bool:
        """Tell whether a file exists."""
        folder, name = os.path.split(path)
        if folder not in self._names:
            self._names[folder] = _names_in(Path(folder))
        return name in self._names[folder]


class ImageStems:
    """Find the images of a folder by name, with or without the ending."""

    def __init__(self, folder: Path) -> None:
        self.paths = list_images(folder)
        self._names = {path.name: path for path in reversed(self.paths)}
        self._stems: dict[str, list[Path]] = {}
        for path in self.paths:
            self._stems.setdefault(path.stem, []).append(path)

    def named(self, name: str) -> Path | None:
        """Return the image of a whole file name."""
        return self._names.get(name)

    def with_stem(self, stem: str) -> list[Path]:
        """Return the images whose name without the ending is `stem`."""
        return self._stems.get(stem, [])


def stored_size(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return (width, height) in pixels of an image file, upright and as stored, without decoding it.

    Raises:
        UnreadableImageError: When the file is missing or no image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF data and very large images
            with Image.open(path) as image:
                width, height = image.size
                turned = _orientation(image) in TURNED
    except OSError as error:
        cause = "the file does not exist" if isinstance(error, FileNotFoundError) else "not an image"
        raise UnreadableImageError(str(path), cause) from error
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise UnreadableImageError(str(path), f"the image is damaged ({error})") from error
    return ((height, width) if turned else (width, height)), (width, height)


def read_sizes(paths: Iterable[Path], progress: Progress | None) -> dict[Path, tuple[int, int]]:
    """Return (width, height) in pixels of upright images; damaged files are left out."""
    wanted = list(dict.fromkeys(paths))
    found = {}
    shown = nullcontext() if progress is None or not wanted else progress.track("Reading image sizes", len(wanted))
    with shown as bar:
        for path in wanted:
            with suppress(UnreadableImageError):
                found[path] = stored_size(path)[0]
            if bar is not None:
                bar.advance()
    return found


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except (ValueError, SyntaxError, OSError, TypeError):  # damaged EXIF block
        return 1


def _names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.") from error
