"""Own reading COCO's JSON files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoo_core.data.coco_document import (
    identity,
    is_number,
    is_whole,
    load_document,
    read_categories,
    read_images,
)
from zoo_detection.data.sources import Reading, Source, listed_names
from zoo_detection.data.table import UNKNOWN, BoxTable, TableRows

SIDES = 4


def read_coco(source: Source, reading: Reading) -> BoxTable:
    """Read a COCO file, numbering the classes by the order of their ids.

    Images keep their order and their ids; crowds are marked, and of segmentations nothing is kept. Annotations of a
    category that the file does not declare have no class.
    """
    document = load_document(source.annotations)
    categories = read_categories(document, source.annotations, reading.problems)
    names, ids = [category["name"] for category in categories.values()], list(categories)
    rows = TableRows()
    listing = listed_names(source)
    wanted = None if listing is None else frozenset(listing)
    images, places = read_images(
        document, source.annotations, source.images, wanted=wanted, problems=reading.problems, progress=reading.progress
    )
    for image in images:
        rows.add_image(image.path, image.size, image.id)
    numbers = {category: number for number, category in enumerate(ids)}
    faults = []
    for position, annotation in enumerate(document["annotations"]):
        fault = _add(annotation, places, numbers, rows)
        if fault is not None:
            faults.append(f"annotations[{position}]{identity(annotation)}: {fault}")
    reading.problems.add(
        f"{source.annotations}: {{count}} annotations cannot be read",
        faults,
        "Expected image_id, category_id and bbox: [left, top, width, height] in pixels.",
    )
    return rows.table(names, ids)


def _add(annotation: Any, places: Mapping[int, int], numbers: Mapping[int, int], rows: TableRows) -> str | None:
    """Add one box, or return why that cannot be done."""
    if not isinstance(annotation, dict):
        return "expected an object"
    image, category, box = annotation.get("image_id"), annotation.get("category_id"), annotation.get("bbox")
    if not is_whole(image) or image not in places:
        return f"image_id {image!r} is none of the images"
    if not is_whole(category):
        return f"category_id {category!r} is no whole number"
    if not isinstance(box, list) or len(box) != SIDES or not all(map(is_number, box)):
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
        area=float(area) if is_number(area) else None,
    )
    return None
