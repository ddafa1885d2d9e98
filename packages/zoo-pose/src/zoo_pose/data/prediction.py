"""Own the images without poses: those that predictions are computed for, and those of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo_core.data.coco_document import ABSENT_HINT, SEGMENTATION, find_image, load_document
from zoo_core.data.image_files import PlainImages
from zoo_core.data.image_folders import FileIndex
from zoo_core.data.images import is_image_name, list_images
from zoo_core.data.problems import Problems
from zoo_core.errors import DataError
from zoo_core.protocols import ImageDataset

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"})
"""Endings of video files, compared in lower case."""


def plain_images(key: str, path: Path, folders: Sequence[Path], *, video: bool) -> ImageDataset:
    """Return images without labels.

    Args:
        key: Key of the configuration that leads to them.
        path: Folder of images, an image, a COCO file, or a video where that is allowed.
        folders: Where the images of a COCO file may lie; its own folder comes last.
        video: Whether a video is allowed.

    Raises:
        DataError: When there is no image, or one that a COCO file names is not there.
        MissingError: When the package that reads videos is not installed.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        found = list_images(path)
        if not found:
            raise DataError(f"{key}: {path} holds no images.")
        return PlainImages(found)
    if ending == ".json":
        return PlainImages(_images_of_coco(path, [*folders, path.parent]))
    if video and ending in VIDEO_SUFFIXES:
        from zoo_core.data.video import VideoFrames

        return VideoFrames(path)
    if is_image_name(path):
        return PlainImages([path])
    others = "a .json file of COCO or a video" if video else "or a .json file of COCO"
    raise DataError(
        f"{key}: {path} is nothing that images are read from.", hint=f"Name a folder of images, an image, {others}."
    )


def _images_of_coco(path: Path, folders: list[Path]) -> list[Path]:
    """Return the images that a COCO file names.

    Raises:
        DataError: When some of them are not there.
    """
    index = FileIndex()
    problems = Problems()
    found, absent, unnamed = [], [], []
    for position, image in enumerate(load_document(path, unused=(*SEGMENTATION, "keypoints"))["images"]):
        name = image.get("file_name") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            unnamed.append(f"images[{position}]")
            continue
        where = find_image(name.replace("\\", "/"), folders, index)
        if where is None:
            absent.append(name)
        else:
            found.append(where)
    problems.add(f"{path}: {{count}} images have no file_name", unnamed)
    title = f"{path}: {{count}} images are in none of {', '.join(map(str, folders))}"
    problems.add(title, absent, ABSENT_HINT)
    problems.refuse()
    if not found:
        raise DataError(f"{path} names no images.")
    return found
