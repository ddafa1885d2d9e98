"""Own what holds for every JSON file in the form of COCO, whatever its annotations are about."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypeGuard

from zoo_core.data.image_folders import FileIndex, read_sizes
from zoo_core.data.problems import Problems
from zoo_core.errors import DataError
from zoo_core.protocols import Progress

LARGEST = 2**63
NUMBERS = frozenset({int, float})
SEGMENTATION = ("segmentation", "counts")
"""Parts of annotations that take much memory."""
ABSENT_HINT = "Name the folder that the images lie in, or remove the images from the annotations."


class CocoImage(NamedTuple):
    """Hold one image of a file."""

    id: int
    path: Path
    size: tuple[int, int]
    """Width and height in pixels; zeros where neither the document nor the image tells them."""


def load_document(
    path: Path, *, unused: Collection[str] = (*SEGMENTATION, "keypoints"), example: str = "instances_val2017.json"
) -> dict[str, Any]:
    """Return the content of a COCO file.

    Args:
        path: The JSON file.
        unused: Keys that are dropped wherever they stand.
        example: File of COCO that an error names as a pattern.

    Raises:
        DataError: When the file is no COCO file.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            document = json.load(stream, object_hook=partial(_without, unused))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}, column {error.colno}.") from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from error
    lists = ("images", "annotations", "categories")
    absent = [key for key in lists if not isinstance(document, dict) or not isinstance(document.get(key), list)]
    if absent:
        raise DataError(
            f"{path} is no COCO file: it has no list {' and no list '.join(absent)}.",
            hint=f"Expected images, annotations with a bbox each, and categories, as in {example}.",
        )
    return dict(document)


def read_categories(document: Mapping[str, Any], path: Path, problems: Problems) -> dict[int, Mapping[str, Any]]:
    """Return the categories by their ids, in the order of the ids; what cannot be used is added to the problems."""
    named: dict[int, Mapping[str, Any]] = {}
    faults = []
    for position, category in enumerate(document["categories"]):
        number, name = (category.get("id"), category.get("name")) if isinstance(category, dict) else (None, None)
        if not is_whole(number) or not isinstance(name, str) or not name.strip():
            faults.append(f"categories[{position}]: expected a whole number as id and a name")
        elif number in named:
            faults.append(f"categories[{position}]: id {number} stands twice, for {named[number]['name']} and {name}")
        elif any(name == other["name"] for other in named.values()):
            faults.append(f"categories[{position}]: the name {name} stands twice")
        else:
            named[number] = category
    problems.add(f"{path}: {{count}} categories cannot be used", faults)
    return {number: named[number] for number in sorted(named)}


def read_images(
    document: Mapping[str, Any],
    file: Path,
    folder: Path,
    *,
    wanted: frozenset[str] | None = None,
    problems: Problems,
    progress: Progress | None,
) -> tuple[list[CocoImage], dict[int, int]]:
    """Return the images in their order, and the index of each id among them, -1 for those that are not wanted.

    Sizes that the file does not state are read from the images. Faults and missing files are added to the problems.

    Args:
        document: Content of the file.
        file: Its path, for the problems.
        folder: Where the images lie.
        wanted: File names, with or without ending, of the images to take; all when absent.
        problems: Where problems go.
        progress: Where it is shown that sizes are read.
    """
    index = FileIndex()
    found: list[CocoImage] = []
    places: dict[int, int] = {}
    faults, absent = [], []
    for position, image in enumerate(document["images"]):
        fault = _image_fault(image, places)
        if fault is not None:
            faults.append(f"images[{position}]: {fault}")
            continue
        name = image["file_name"].replace("\\", "/")
        if wanted is not None and not {PurePosixPath(name).name, PurePosixPath(name).stem} & wanted:
            places[image["id"]] = -1
            continue
        path = find_image(name, [folder], index)
        if path is None:
            path = folder / name
            absent.append(str(path))
        width, height = image.get("width"), image.get("height")
        stated = is_whole(width) and is_whole(height) and width > 0 and height > 0
        places[image["id"]] = len(found)
        found.append(CocoImage(image["id"], path, (width, height) if stated else (0, 0)))
    problems.add(f"{file}: {{count}} images cannot be used", faults)
    problems.add(f"{file}: {{count}} of {len(found)} image files are not there", absent, ABSENT_HINT)
    return _with_sizes(found, progress), places


def find_image(name: str, folders: list[Path], index: FileIndex) -> Path | None:
    """Return where an image lies: under its whole name in one of the folders, else under its last part."""
    tried = [folder / part for part in dict.fromkeys((name, PurePosixPath(name).name)) for folder in folders]
    return next((path for path in tried if path in index), None)


def _with_sizes(images: list[CocoImage], progress: Progress | None) -> list[CocoImage]:
    """Return the images with the sizes of the files where the document states none; (0, 0) of damaged ones."""
    unsized = [image.path for image in images if image.size == (0, 0)]
    sizes = read_sizes(unsized, progress) if unsized else {}
    return [image._replace(size=sizes.get(image.path, image.size)) for image in images]


def _image_fault(image: Any, known: Collection[int]) -> str | None:
    if not isinstance(image, dict) or not is_whole(image.get("id")):
        return "expected an id that is a whole number"
    if not isinstance(image.get("file_name"), str) or not image["file_name"].strip():
        return f"id {image['id']} has no file_name"
    return f"id {image['id']} stands twice" if image["id"] in known else None


def is_whole(value: Any) -> TypeGuard[int]:
    """Tell whether a value is a whole number of 64 bits."""
    return type(value) is int and -LARGEST < value < LARGEST


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a finite number."""
    return type(value) in NUMBERS and -LARGEST < value < LARGEST


def identity(annotation: Any) -> str:
    """Return ` (id 7)` for an annotation that has an id."""
    number = annotation.get("id") if isinstance(annotation, dict) else None
    return "" if number is None else f" (id {number})"


def _without(unused: Collection[str], found: dict[str, Any]) -> dict[str, Any]:
    for key in unused:
        found.pop(key, None)
    return found
