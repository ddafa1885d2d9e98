"""Own reading COCO's JSON files of keypoints, those of persons and of anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo_core.data.coco_document import (
    SEGMENTATION,
    identity,
    is_number,
    is_whole,
    load_document,
    read_categories,
    read_images,
)
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_pose.data.framing import framed
from zoo_pose.data.reduction import with_one_head
from zoo_pose.data.sources import Reading, Source
from zoo_pose.data.table import PoseTable, TableRows
from zoo_pose.skeletons import BODY, SHORT_BODY, Pairs

SIDES = 4
ENDS = 2
EACH = 3
FLAGS = frozenset({0, 1, 2})
EXAMPLE = "person_keypoints_val2017.json"


def read_coco(source: Source, reading: Reading) -> PoseTable:
    """Read a COCO file: the poses of every category that has keypoints.

    Names and links are those of the first such category. An annotation without keypoints has none labelled; without
    bbox its box is that around its keypoints. Where 13 keypoints are asked for and the file has COCO's 17, the five
    of the face become one. Places stay as the file states them.

    Raises:
        DataError: When the file is no COCO file, or none of its categories has keypoints.
    """
    document = load_document(source.annotations, unused=SEGMENTATION, example=EXAMPLE)
    categories = read_categories(document, source.annotations, reading.problems)
    wanted = _with_keypoints(categories, document["annotations"])
    if not wanted:
        raise DataError(
            f"{source.annotations} has no keypoints: none of the categories "
            f"{shorten(category['name'] for category in categories.values())} has any.",
            hint=f"Expected a file as {EXAMPLE}, whose category names its keypoints and whose annotations hold them.",
        )
    names, links = _skeleton(wanted, reading, source)
    images, places = read_images(
        document, source.annotations, source.images, problems=reading.problems, progress=reading.progress
    )
    rows = TableRows()
    for image in images:
        rows.add_image(image.path, image.size, image.id)
    keypoints = len(names) or _usual(document["annotations"])
    faults = []
    for position, annotation in enumerate(document["annotations"]):
        if isinstance(annotation, dict) and annotation.get("category_id") in categories.keys() - wanted.keys():
            continue
        fault = _add(annotation, places, wanted, keypoints, rows)
        if fault is not None:
            faults.append(f"annotations[{position}]{identity(annotation)}: {fault}")
    reading.problems.add(
        f"{source.annotations}: {{count}} annotations cannot be read",
        faults,
        f"Expected image_id, category_id, bbox: [left, top, width, height] and keypoints: x, y, v {keypoints} times, "
        "in pixels.",
    )
    table = rows.table(keypoints, names=names, links=links)
    if reading.stated and reading.keypoints == SHORT_BODY and keypoints == BODY:
        return with_one_head(table)
    if reading.keypoints is None:
        reading.keypoints = keypoints
    return table


def _with_keypoints(
    categories: Mapping[int, Mapping[str, Any]], annotations: Sequence[Any]
) -> dict[int, Mapping[str, Any]]:
    """Return the categories that name keypoints, else those whose annotations hold some."""
    named = {number: one for number, one in categories.items() if isinstance(one.get("keypoints"), list)}
    if named:
        return named
    used = {one.get("category_id") for one in annotations if isinstance(one, dict) and one.get("keypoints")}
    return {number: one for number, one in categories.items() if number in used}


def _skeleton(
    categories: Mapping[int, Mapping[str, Any]], reading: Reading, source: Source
) -> tuple[tuple[str, ...], Pairs]:
    """Return names and links of the first category; others must have as many keypoints."""
    first, *others = categories.values()
    names = tuple(str(name) for name in first.get("keypoints") or ())
    differing = [
        f"category {other['name']}: {len(other['keypoints'])} keypoints, and {first['name']} has {len(names)}"
        for other in others
        if isinstance(other.get("keypoints"), list) and len(other["keypoints"]) != len(names)
    ]
    title = f"{source.annotations}: {{count}} categories have another number of keypoints"
    reading.problems.add(title, differing, "Keep the categories of one skeleton in the file.")
    links = [pair for pair in first.get("skeleton") or () if _is_link(pair, len(names))]
    return names, tuple((one - 1, other - 1) for one, other in links)


def _is_link(pair: Any, keypoints: int) -> bool:
    """Tell whether a value is a pair of numbers of keypoints, counted from 1."""
    return isinstance(pair, list) and len(pair) == ENDS and all(is_whole(end) and 0 < end <= keypoints for end in pair)


def _usual(annotations: Sequence[Any]) -> int:
    """Return the number of keypoints of the first annotation that has some."""
    lists = (one.get("keypoints") for one in annotations if isinstance(one, dict))
    return next((len(found) // EACH for found in lists if isinstance(found, list) and found), 0)


def _add(
    annotation: Any,
    places: Mapping[int, int],
    categories: Mapping[int, Any],
    keypoints: int,
    rows: TableRows,
) -> str | None:
    """Add one pose, or return why that cannot be done."""
    if not isinstance(annotation, dict):
        return "expected an object"
    image, category = annotation.get("image_id"), annotation.get("category_id")
    if not is_whole(image) or image not in places:
        return f"image_id {image!r} is none of the images"
    if category not in categories:
        return f"category_id {category!r} is none of the categories"
    numbers = annotation.get("keypoints") or [0] * (EACH * keypoints)
    fault = _fault(numbers, keypoints)
    if fault is not None:
        return fault
    box = annotation.get("bbox")
    if box is None:
        corners = framed(numbers, rows.sizes[places[image]])
    elif isinstance(box, list) and len(box) == SIDES and all(map(is_number, box)):
        corners = (box[0], box[1], box[0] + box[2], box[1] + box[3])
    else:
        return f"bbox {box!r} is not four numbers"
    area = annotation.get("area")
    rows.add_pose(
        places[image],
        numbers,
        corners,
        area=float(area) if is_number(area) and area > 0 else None,
        crowd=bool(annotation.get("iscrowd", 0)),
    )
    return None


def _fault(numbers: Any, keypoints: int) -> str | None:
    if not isinstance(numbers, list) or not all(map(is_number, numbers)):
        return "keypoints is no list of numbers"
    if len(numbers) != EACH * keypoints:
        return f"{len(numbers)} numbers in keypoints, expected {EACH * keypoints} for {keypoints} keypoints"
    strange = next((flag for flag in numbers[2::EACH] if flag not in FLAGS), None)
    return None if strange is None else f"a keypoint has v {strange}, expected 0, 1 or 2"
