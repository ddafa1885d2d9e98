"""Own reading Pascal VOC's XML files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.image_folders import ImageStems, read_sizes
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_detection.data.names_file import declared_names
from zoo_detection.data.sources import Reading, Source, listed_names
from zoo_detection.data.table import UNKNOWN, BoxTable, TableRows
from zoo_detection.data.xml_tree import Node, parse_xml

LEVELS = 2
"""Folders in which a list of the classes may lie: that of the files and the one above it."""
CORNERS = ("xmin", "ymin", "xmax", "ymax")
NOT_COUNTED = {"": False, "0": False, "1": True}
"""Text of `difficult` -> whether the box counts neither as found nor as missed."""
FORM_HINT = (
    "Expected in each object a name and a bndbox with xmin, ymin, xmax and ymax in pixels, and difficult 0 or 1."
)


@dataclass(frozen=True, slots=True)
class VocObject:
    """Hold one object of a file."""

    name: str
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels, the image's left top corner being (0, 0)."""
    difficult: bool


def read_voc(source: Source, reading: Reading) -> BoxTable:
    """Read a folder of XML files, or those of its files that the split's list names.

    Pixels are counted from 1 and the last one belongs to the box, as VOC defines it: the corners of a box are
    (xmin - 1, ymin - 1) and (xmax, ymax), so that xmin = 1 and xmax = width cover the whole width. Detectron2 reads
    them the same way. A coordinate of 0, which some programs write, is the border of the image too.

    Classes are those of a `classes.txt` beside the folder, else those that occur, in alphabetical order, which is
    VOC's own order of its 20 classes.
    """
    images = ImageStems(source.images)
    rows = TableRows()
    objects: list[list[VocObject]] = []
    unreadable: list[str] = []
    files = _files(source, reading)
    shown = reading.progress
    with nullcontext() if shown is None else shown.track(f"Reading {source.annotations.name}", len(files)) as bar:
        for file in files:
            try:
                root = parse_xml(file)
                path = _image_of(file, root, images)
                rows.add_image(path, _stated_size(root))
                objects.append(list(_objects(root, file)))
            except DataError as error:
                unreadable.append(error.message)
            if bar is not None:
                bar.advance()
    reading.problems.add(f"{source.annotations}: {{count}} annotations cannot be used", unreadable, FORM_HINT)
    if not unreadable:
        _fill_sizes(rows, reading)
        used = {file.stem for file in files}
        idle = sum(path.stem not in used for path in images.paths) if source.listing is None else 0
        if idle:
            reading.notes.append(f"{source.key}: {idle} images have no XML file and are left out.")
    return _table(source, rows, objects)


def _table(source: Source, rows: TableRows, objects: list[list[VocObject]]) -> BoxTable:
    declared = declared_names(source, LEVELS)
    found = sorted({item.name for items in objects for item in items})
    names = list(declared) or found
    numbers = {name: number for number, name in enumerate(names)}
    for place, items in enumerate(objects):
        for item in items:
            if item.name not in numbers:
                rows.unknown[len(rows.boxes)] = item.name
            rows.add_box(place, item.box, numbers.get(item.name, UNKNOWN), crowd=item.difficult)
    return rows.table(names, range(1, len(names) + 1))


def _files(source: Source, reading: Reading) -> list[Path]:
    there = {path.stem: path for path in source.annotations.glob("*.xml") if not path.name.startswith(".")}
    names = listed_names(source)
    if names is None:
        if not there:
            raise DataError(f"{source.annotations} holds no XML files.", hint="Expected one for each image.")
        return [there[stem] for stem in sorted(there)]
    absent = [name for name in names if name not in there]
    title = f"{source.listing}: {{count}} of {len(names)} names have no XML file in {source.annotations}"
    reading.problems.add(title, absent, "Remove the names, or complete the folder.")
    return [there[name] for name in names if name in there]


def _image_of(file: Path, root: Node, images: ImageStems) -> Path:
    """Return the image of an XML file: the one it names, else the one with its own name."""
    stated = Path(root.text_of("filename").replace("\\", "/")).name
    if stated and (path := images.named(stated)) is not None and path.stem == file.stem:
        return path
    found = images.with_stem(file.stem)
    if len(found) > 1:
        raise DataError(f"{file}: several images have this name: {shorten(path.name for path in found)}")
    if found:
        return found[0]
    if stated and (path := images.named(stated)) is not None:
        return path
    raise DataError(f"{file}: there is no image {stated or file.stem}")


def _stated_size(root: Node) -> tuple[int, int]:
    size = root.first("size")
    sides = [] if size is None else [_number(size.text_of(side)) for side in ("width", "height")]
    width, height = (int(side) if side is not None and side > 0 else 0 for side in sides or (None, None))
    return (width, height) if width and height else (0, 0)


def _fill_sizes(rows: TableRows, reading: Reading) -> None:
    """Take the sizes from the image files where the annotations state none."""
    unsized = [place for place, size in enumerate(rows.sizes) if not all(size)]
    sizes = read_sizes((rows.paths[place] for place in unsized), reading.progress)
    for place in unsized:
        rows.sizes[place] = sizes.get(rows.paths[place], (0, 0))


def _objects(root: Node, file: Path) -> Iterator[VocObject]:
    for node in root.all("object"):
        name = node.text_of("name")
        if not name:
            raise DataError(f"{file}:{node.line}: object without a name")
        box = node.first("bndbox")
        corners = [None] * len(CORNERS) if box is None else [_number(box.text_of(key)) for key in CORNERS]
        left, top, right, bottom = corners
        if left is None or top is None or right is None or bottom is None:
            bad = [key for key, value in zip(CORNERS, corners, strict=True) if value is None]
            raise DataError(f"{file}:{(box or node).line}: bndbox of {name} has no number {', '.join(bad)}")
        difficult = node.text_of("difficult")
        if difficult not in NOT_COUNTED:
            raise DataError(f"{file}:{node.line}: difficult of {name} is {difficult!r}, expected 0 or 1")
        yield VocObject(name, (_edge(left), _edge(top), right, bottom), NOT_COUNTED[difficult])


def _edge(value: float) -> float:
    return 0.0 if 0 <= value < 1 else value - 1


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
