"""Own reading COCO's JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeGuard

from zoo_core.errors import DataError
from zoo_detection.data.folders import FileIndex, read_sizes
from zoo_detection.data.sources import Reading, Source, listed_names
from zoo_detection.data.table import UNKNOWN, BoxTable, TableRows

SIDES = 4
LARGEST = 2**63
NUMBERS = frozenset({int, float})
UNUSED_KEYS = ("segmentation", "keypoints", "counts")
"""Parts of annotations that take much memory and say nothing about boxes."""
ABSENT_HINT = "Name the folder that the images lie in, or remove the images from the annotations."


def read_coco(source: Source, reading: Reading) -> BoxTable:
    """Read a COCO file, numbering the classes by the order of their ids.

    Images keep their order and their ids; crowds are marked, and of segmentations nothing is kept. Annotations of a
    category that the file does not declare have no class.
    """
    document = load_document(source.annotations)
    names, ids = _categories(document, source.annotations, reading)
    rows = TableRows()
    places = _images(document, source, rows, reading)
    numbers = {category: number for number, category in enumerate(ids)}
    faults = []
    for position, annotation in enumerate(document["annotations"]):
        fault = _add(annotation, places, numbers, rows)
        if fault is not None:
            faults.append(f"annotations[{position}]{_identity(annotation)}: {fault}")
    reading.problems.add(
        f"{source.annotations}: {{count}} annotations cannot be read",
        faults,
        "Expected image_id, category_id and bbox: [left, top, width, height] in pixels.",
    )
    return rows.table(names, ids)


def load_document(path: Path) -> dict[str, Any]:
    """Return the content of a COCO file, without segmentations.

    Raises:
        DataError: When the file is no COCO file.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            document = json.load(stream, object_hook=_without_segmentation)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}, column {error.colno}.") from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from error
    lists = ("images", "annotations", "categories")
    absent = [key for key in lists if not isinstance(document, dict) or not isinstance(document.get(key), list)]
    if absent:
        raise DataError(
            f"{path} is no COCO file of boxes: it has no list {' and no list '.join(absent)}.",
            hint="Expected images, annotations with a bbox each, and categories, as in instances_val2017.json.",
        )
    return dict(document)


def _without_segmentation(found: dict[str, Any]) -> dict[str, Any]:
    for key in UNUSED_KEYS:
        found.pop(key, None)
    return found


def _categories(document: Mapping[str, Any], path: Path, reading: Reading) -> tuple[list[str], list[int]]:
    named: dict[int, str] = {}
    faults = []
    for position, category in enumerate(document["categories"]):
        number, name = (category.get("id"), category.get("name")) if isinstance(category, dict) else (None, None)
        if not _whole(number) or not isinstance(name, str) or not name.strip():
            faults.append(f"categories[{position}]: expected a whole number as id and a name")
        elif number in named:
            faults.append(f"categories[{position}]: id {number} stands twice, for {named[number]} and {name}")
        elif name in named.values():
            faults.append(f"categories[{position}]: the name {name} stands twice")
        else:
            named[number] = name
    reading.problems.add(f"{path}: {{count}} categories cannot be used", faults)
    ids = sorted(named)
    return [named[number] for number in ids], ids


def _images(document: Mapping[str, Any], source: Source, rows: TableRows, reading: Reading) -> dict[int, int]:
    """Add the images, and return the index of each id, -1 for those that are not in the split's list."""
    listing = listed_names(source)
    wanted = None if listing is None else set(listing)
    index = FileIndex()
    places: dict[int, int] = {}
    faults, absent, unsized = [], [], []
    for position, image in enumerate(document["images"]):
        fault = _image_fault(image, places)
        if fault is not None:
            faults.append(f"images[{position}]: {fault}")
            continue
        name = image["file_name"].replace("\\", "/")
        if wanted is not None and not {PurePosixPath(name).name, PurePosixPath(name).stem} & wanted:
            places[image["id"]] = -1
            continue
        path = find_image(name, [source.images], index)
        if path is None:
            absent.append(str(source.images / name))
            path = source.images / name
        size = (image.get("width"), image.get("height"))
        if not all(_whole(side) and side > 0 for side in size):
            unsized.append(len(rows.paths))
            size = (0, 0)
        places[image["id"]] = len(rows.paths)
        rows.add_image(path, size, image["id"])
    if unsized:
        sizes = read_sizes((rows.paths[place] for place in unsized), reading.progress)
        for place in unsized:
            rows.sizes[place] = sizes.get(rows.paths[place], (0, 0))
    reading.problems.add(f"{source.annotations}: {{count}} images cannot be used", faults)
    title = f"{source.annotations}: {{count}} of {len(rows.paths)} image files are not there"
    reading.problems.add(title, absent, ABSENT_HINT)
    return places


def find_image(name: str, folders: list[Path], index: FileIndex) -> Path | None:
    """Return where an image lies: under its whole name in one of the folders, else under its last part."""
    tried = [folder / part for part in dict.fromkeys((name, PurePosixPath(name).name)) for folder in folders]
    return next((path for path in tried if path in index), None)


def _image_fault(image: Any, places: Mapping[int, int]) -> str | None:
    if not isinstance(image, dict) or not _whole(image.get("id")):
        return "expected an id that is a whole number"
    if not isinstance(image.get("file_name"), str) or not image["file_name"].strip():
        return f"id {image['id']} has no file_name"
    return f"id {image['id']} stands twice" if image["id"] in places else None


def _add(annotation: Any, places: Mapping[int, int], numbers: Mapping[int, int], rows: TableRows) -> str | None:
    """Add one box, or return why that cannot be done."""
    if not isinstance(annotation, dict):
        return "expected an object"
    image, category, box = annotation.get("image_id"), annotation.get("category_id"), annotation.get("bbox")
    if not _whole(image) or image not in places:
        return f"image_id {image!r} is none of the images"
    if not _whole(category):
        return f"category_id {category!r} is no whole number"
    if not isinstance(box, list) or len(box) != SIDES or not all(map(_number, box)):
        return f"bbox {box!r} is not four numbers"
    place = places[image]
    if place < 0:
        return None
    left, top, width, height = box
    area = annotation.get("area")
    if category not in numbers:
        rows.unknown[len(rows.boxes)] = f"category {category}"
    rows.add_box(
        place,
        (left, top, left + width, top + height),
        numbers.get(category, UNKNOWN),
        crowd=bool(annotation.get("iscrowd", 0)),
        area=float(area) if _number(area) else None,
    )
    return None


def _whole(value: Any) -> TypeGuard[int]:
    return type(value) is int and -LARGEST < value < LARGEST


def _number(value: Any) -> TypeGuard[float]:
    return type(value) in NUMBERS and -LARGEST < value < LARGEST


def _identity(annotation: Any) -> str:
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return "" if number is None else f" (id {number})"
