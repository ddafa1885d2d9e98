"""Own the images that are only predicted: a folder, flat or nested, or one file."""

from __future__ import annotations

from pathlib import Path

from zoo_classification.data.image_files import ImageFiles
from zoo_core.data.images import list_images
from zoo_core.errors import DataError


def prediction_images(path: Path) -> ImageFiles:
    """Return the images below a folder, or one image file, without labels.

    Raises:
        DataError: When there is none.
    """
    paths = [path] if path.is_file() else list_images(path)
    if not paths:
        raise DataError(f"dataset.prediction_path: {path} holds no images.")
    return ImageFiles(paths)
