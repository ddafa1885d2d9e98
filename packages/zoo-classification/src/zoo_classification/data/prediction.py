"""Own the images that stand outside the splits: those that are predicted, and those that calibrate."""

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


def calibration_images(path: Path) -> ImageFiles:
    """Return the images below a folder, flat or nested, labelled by the folder they lie in.

    Raises:
        DataError: When there is none.
    """
    paths = list_images(path)
    if not paths:
        raise DataError(f"dataset.quantization_path: {path} holds no images.")
    labels = {name: index for index, name in enumerate(sorted({file.parent.name for file in paths}))}
    return ImageFiles(paths, [labels[file.parent.name] for file in paths])
