"""Own reading image files: one way in, and one error for every file that cannot be decoded."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from zoo_core.errors import DataError, UnreadableImageError

IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".jfif", ".jp2", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Endings by which image files are found in a folder, compared in lower case."""

_ORIENTATION = 0x0112
_NOT_THE_FILES_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def is_image_name(path: Path) -> bool:
    """Tell whether a path has the ending of an image file and is not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def list_images(folder: Path, *, recursive: bool = True) -> list[Path]:
    """Return the image files of a folder, sorted by their path below it; hidden files and folders are left out.

    Raises:
        DataError: When the folder does not exist or cannot be read.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder"
        raise DataError(msg, hint="Give the folder that holds the images.")
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        msg = f"{error.filename} cannot be read: {error.strerror}"
        raise DataError(msg)

    for directory, names, files in os.walk(folder, followlinks=True, onerror=refuse):
        names[:] = [name for name in names if not name.startswith(".")] if recursive else []
        found.extend(path for name in files if is_image_name(path := Path(directory) / name))
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def read_image(path: Path) -> Image.Image:
    """Read and decode an image completely, in the mode of the file, upright as its EXIF orientation says.

    The file is closed afterwards. Of an animation the first frame is read.

    Raises:
        UnreadableImageError: When the file is missing, empty, truncated, or no image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF data and very large images
            with Image.open(path) as image:
                image.load()
                return _upright(image)
    except MemoryError:
        raise
    except OSError as error:
        if error.errno in _NOT_THE_FILES_FAULT:
            raise
        raise UnreadableImageError(str(path), _cause(path, error)) from error
    except Exception as error:  # a decoder may raise anything on damaged bytes
        raise UnreadableImageError(str(path), f"the image is damaged ({error})") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(_ORIENTATION, 1) not in (0, 1)
    except (ValueError, SyntaxError, OSError, TypeError):  # damaged EXIF block: the pixels still count
        turned = False
    return ImageOps.exif_transpose(image) if turned else image


def _cause(path: Path, error: OSError) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image" if path.stat().st_size else "the file is empty"
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, IsADirectoryError):
        return "a folder, not an image"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if "truncated" in str(error).lower():
        return "the image is truncated"
    return f"the image cannot be decoded ({error})"
