"""Own where images and annotations of each split lie, and in which of the three forms the annotations are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from zoo_core.data.images import is_image_name
from zoo_core.data.problems import Problems
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, TRAIN, VALIDATION, Progress

COCO, VOC, YOLO = "coco", "voc", "yolo"
FORMATS = {
    "coco": COCO,
    "coco_person": COCO,
    "voc": VOC,
    "pascal_voc": VOC,
    "voc2007": VOC,
    "voc2012": VOC,
    "yolo": YOLO,
    "darknet_yolo": YOLO,
}
"""Value of `format` or `dataset_name` -> form of the annotations."""
PREFIXES = {TRAIN: "train", VALIDATION: "val", TEST: "test"}
OLDER_KEYS = {TRAIN: "training_path", VALIDATION: "validation_path", TEST: "test_path"}
EXAMINED = 1000
"""Files of a folder that are looked at to find out the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Say where one split lies."""

    key: str
    """Key of the configuration that leads to its images, such as `dataset.train_images_path`."""
    images: Path
    annotations: Path
    """File (COCO) or folder (VOC, YOLO) of the boxes."""
    listing: Path | None = None
    """Text file with the names of the images that belong to the split."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """Gather what reading annotations brings to light beside the boxes."""

    progress: Progress | None = None
    problems: Problems = field(default_factory=Problems)
    notes: list[str] = field(default_factory=list)


def locate(section: Any) -> dict[str, Source]:
    """Return the source of each split that the section names.

    Raises:
        DataError: When images or annotations of a split are given without the other.
    """
    found = {split: source for split in PREFIXES if (source := _locate(section, split)) is not None}
    problems = [
        f"dataset.{prefix}_{kind} has no effect without dataset.{prefix}_images_path"
        for split, prefix in PREFIXES.items()
        for kind in ("annotations_path", "split")
        if split not in found and getattr(section, f"{prefix}_{kind}") is not None
    ]
    if problems:
        raise DataError("\n".join(problems), hint="Name the folder of the images as well.")
    return found


def _locate(section: Any, split: str) -> Source | None:
    prefix, older = PREFIXES[split], OLDER_KEYS[split]
    images = getattr(section, f"{prefix}_images_path")
    annotations = getattr(section, f"{prefix}_annotations_path")
    listing = getattr(section, f"{prefix}_split")
    key = f"{prefix}_images_path"
    if images is None:
        images, key = getattr(section, older), older
        if images is None:
            return None
        if images.is_file():
            if images.suffix.lower() != ".json":
                raise DataError(f"dataset.{older}: {images} is a file, not a folder of images.")
            annotations, images = images, images.parent
    return Source(
        key=f"dataset.{key}",
        images=images,
        annotations=_beside(images) if annotations is None else annotations,
        listing=listing,
    )


def _beside(images: Path) -> Path:
    """Return where the annotations of an image folder lie when the configuration does not say it.

    That is a COCO file alone in the folder, the folder `labels` in place of `images` in the path, or the folder itself.
    """
    files = sorted(images.glob("*.json"))
    if len(files) == 1:
        return files[0]
    parts = list(images.parts)
    for place in range(len(parts) - 1, 0, -1):
        if parts[place] == "images":
            other = Path(*parts[:place], "labels", *parts[place + 1 :])
            return other if other.is_dir() else images
    return images


def find_format(section: Any, sources: dict[str, Source]) -> str:
    """Return the form of the annotations: as stated, else by the name of the data set, else by looking.

    Raises:
        DataError: When nothing tells it.
    """
    for value in (section.format, section.dataset_name):
        if value is not None and value.casefold() in FORMATS:
            return FORMATS[value.casefold()]
    for source in sources.values():
        if found := _look(source):
            return found
    places = ", ".join(str(source.annotations) for source in sources.values()) or "no place"
    raise DataError(
        f"The annotations are in none of the forms that are read: looked at {places}.",
        hint="Set dataset.format to coco, voc or yolo. COCO: a .json file. VOC: .xml files. YOLO: .txt files.",
    )


def _look(source: Source) -> str | None:
    if source.annotations.is_file():
        return COCO
    endings = {".xml": VOC, ".txt": YOLO}
    seen = {endings[suffix] for suffix in _endings(source.annotations) if suffix in endings}
    return VOC if VOC in seen else next(iter(seen), None)


def _endings(folder: Path) -> Iterator[str]:
    files = (name for _, _, names in os.walk(folder) for name in names)
    for name in islice(files, EXAMINED):
        yield Path(name).suffix.lower()


def listed_names(source: Source) -> list[str] | None:
    """Return the names in the text file of a split, in its order, or nothing when it has none.

    A second column of -1, 0 or 1, as in VOC's lists of a class, says whether the class is in the image; the image
    belongs to the split either way. Endings of image files are removed, and folders before the name.

    Raises:
        DataError: When the file cannot be read or names nothing.
    """
    if source.listing is None:
        return None
    try:
        text = source.listing.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{source.listing} cannot be read as text: {error}.") from error
    names = [_name(line.strip()) for line in text.splitlines() if line.strip()]
    if not names:
        raise DataError(f"{source.listing} names no images; expected one name on each line.")
    return list(dict.fromkeys(names))


def _name(line: str) -> str:
    head, _, last = line.rpartition(" ")
    if last in {"-1", "0", "1"} and head.strip():
        line = head.strip()
    path = Path(line.replace("\\", "/"))
    return path.stem if is_image_name(path) else path.name
