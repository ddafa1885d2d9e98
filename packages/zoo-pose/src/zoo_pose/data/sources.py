"""Own where images and annotations of each split lie, and in which of the three forms the annotations are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from zoo_core.data.problems import Problems
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, TRAIN, VALIDATION, Progress

COCO, CSV, YOLO = "coco", "csv", "yolo"
FORMATS = {"coco": COCO, "csv": CSV, "yolo": YOLO, "darknet_yolo": YOLO}
"""Value of `format` or `dataset_name` -> form of the annotations."""
ENDINGS = {".json": COCO, ".csv": CSV}
PREFIXES = {TRAIN: "train", VALIDATION: "val", TEST: "test"}
FOLDER_KEYS = {TRAIN: "training_path", VALIDATION: "validation_path", TEST: "test_path"}
EXAMINED = 1000
"""Files of a folder that are looked at to find out the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Say where one split lies."""

    key: str
    """Key of the configuration that leads to it, such as `dataset.training_path`."""
    images: Path
    """Folder."""
    annotations: Path
    """File (COCO, CSV) or folder (YOLO) of the keypoints."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """Gather what reading annotations needs, and what it brings to light beside the keypoints."""

    keypoints: int | None = None
    """Number of keypoints of a pose, once it is known."""
    stated: bool = False
    """Whether the configuration states that number."""
    progress: Progress | None = None
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)


def locate(section: Any) -> dict[str, Source]:
    """Return the source of each split that the section names."""
    return {split: source for split in PREFIXES if (source := _locate(section, split)) is not None}


def find_format(section: Any, source: Source) -> str:
    """Return the form of annotations: as stated, else by looking.

    The name of the data set tells only YOLO, since ST's files call every data set `coco`, whatever its form.

    Raises:
        DataError: When nothing tells it.
    """
    if section.format is not None:
        return FORMATS[section.format]
    if found := _look(source):
        return found
    if FORMATS.get((section.dataset_name or "").casefold()) == YOLO:
        return YOLO
    raise DataError(
        f"{source.key}: {source.annotations} holds annotations in none of the forms that are read.",
        hint="Expected a .json file (COCO), a .csv file with the three header rows of DeepLabCut, or a folder with a "
        ".txt file beside each image (YOLO).",
    )


def _locate(section: Any, split: str) -> Source | None:
    prefix = PREFIXES[split]
    annotations: Path | None = getattr(section, f"{prefix}_annotations_path")
    for key in (f"{prefix}_images_path", FOLDER_KEYS[split]):
        images: Path | None = getattr(section, key)
        if images is not None:
            break
    if images is None:
        if annotations is None:
            return None
        images, key = annotations if annotations.is_dir() else annotations.parent, f"{prefix}_annotations_path"
    if images.is_file():
        if images.suffix.lower() not in ENDINGS:
            raise DataError(
                f"dataset.{key}: {images} is neither a folder of images nor a file of annotations.",
                hint="Name a folder, a .json file (COCO) or a .csv file.",
            )
        annotations, images = images, images.parent
    return Source(
        key=f"dataset.{key}", images=images, annotations=_beside(images) if annotations is None else annotations
    )


def _beside(images: Path) -> Path:
    """Return where the annotations of an image folder lie when the configuration does not say it.

    That is a COCO or CSV file alone in the folder, the folder `labels` in place of `images` in the path, or the folder
    itself.
    """
    files = sorted(path for ending in ENDINGS for path in images.glob(f"*{ending}"))
    if len(files) == 1:
        return files[0]
    parts = list(images.parts)
    for place in range(len(parts) - 1, 0, -1):
        if parts[place] == "images":
            other = Path(*parts[:place], "labels", *parts[place + 1 :])
            return other if other.is_dir() else images
    return images


def _look(source: Source) -> str | None:
    if source.annotations.is_file():
        return ENDINGS.get(source.annotations.suffix.lower())
    return YOLO if ".txt" in _endings(source.annotations) else None


def _endings(folder: Path) -> Iterator[str]:
    files = (name for _, _, names in os.walk(folder, followlinks=True) for name in names)
    for name in islice(files, EXAMINED):
        yield Path(name).suffix.lower()
