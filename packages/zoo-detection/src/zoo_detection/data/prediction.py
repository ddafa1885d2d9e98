"""Own the images that predictions are computed for: a folder, one image, a video, or those of a COCO file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo_core.data.coco_document import ABSENT_HINT, find_image, load_document
from zoo_core.data.image_files import PlainImages
from zoo_core.data.image_folders import FileIndex
from zoo_core.data.images import is_image_name, list_images
from zoo_core.data.problems import Problems
from zoo_core.errors import DataError
from zoo_core.protocols import ImageDataset

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""Endings of video files, compared in lower case."""
KEY = "dataset.prediction_path"


def prediction_images(path: Path, folders: Sequence[Path]) -> ImageDataset:
    """Return images without labels.

    Args:
        path: Folder of images, an image, a video, or a COCO file.
        folders: Where the images of a COCO file may lie; its own folder comes last.

    Raises:
        DataError: When there is no image, or one that a COCO file names is not there.
        MissingError: When the package that reads videos is not installed.
    """
    if path.is_dir():
        found = list_images(path)
        if not found:
            raise DataError(f"{KEY}: {path} holds no images.")
        return PlainImages(found)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        from zoo_core.data.video import VideoFrames

        return VideoFrames(path)
    return PlainImages(images_of_file(path, folders))


def images_of_file(path: Path, folders: Sequence[Path]) -> list[Path]:
    """Return an image file itself, or the images that a COCO file names.

    Raises:
        DataError: When the file is neither, or some of the images are not there.
    """
    if path.suffix.lower() != ".json":
        if not is_image_name(path):
            raise DataError(
                f"{path} is neither an image nor a COCO file.",
                hint="Name a folder of images, an image, a .json file, or for predictions a video.",
            )
        return [path]
    index = FileIndex()
    places = [*folders, path.parent]
    found, absent = [], []
    for image in load_document(path)["images"]:
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            raise DataError(f"{path}: an image has no file_name.")
        where = find_image(name.replace("\\", "/"), places, index)
        absent.extend([name] if where is None else [])
        found.extend([] if where is None else [where])
    problems = Problems()
    title = f"{path}: {{count}} of {len(found) + len(absent)} images are in none of {', '.join(map(str, places))}"
    problems.add(title, absent, ABSENT_HINT)
    problems.refuse()
    if not found:
        raise DataError(f"{path} names no images.")
    return found
