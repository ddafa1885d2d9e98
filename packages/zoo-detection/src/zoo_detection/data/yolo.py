"""Own reading YOLO Darknet's text files: one for each image, one box on each line, in shares of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from zoo_core.data.image_folders import FileIndex, read_sizes
from zoo_core.data.images import list_images
from zoo_core.errors import DataError
from zoo_detection.data.names_file import declared_names
from zoo_detection.data.sources import Reading, Source, listed_names
from zoo_detection.data.table import UNKNOWN, BoxTable, TableRows

COLUMNS = 5
FARTHEST = 2.0
"""Largest number that can be meant as a share of the image; beyond it stand pixels."""
LINE_HINT = "Expected on each line: class cx cy w h, the class counted from 0, the others in shares of the image."


def read_yolo(source: Source, reading: Reading, given: Sequence[str]) -> BoxTable:
    """Read the text file of every image of a folder; an image without one has no boxes.

    Columns after the fifth, such as key points, are passed over. The names of the classes are those of a file beside
    the annotations, else `given`, in the order of their numbers.

    Raises:
        DataError: When the folder holds no images or nothing names the classes.
    """
    names = declared_names(source) or tuple(given)
    if not names:
        raise DataError(
            f"Nothing names the classes of {source.annotations}.",
            hint="Set dataset.class_names, or put a classes.txt with one name on each line beside the annotations.",
        )
    paths = _images(source, reading)
    sizes = read_sizes(paths, reading.progress)
    rows = TableRows()
    index = FileIndex()
    faults: list[str] = []
    shown = reading.progress
    with nullcontext() if shown is None else shown.track(f"Reading {source.annotations.name}", len(paths)) as bar:
        for place, path in enumerate(paths):
            rows.add_image(path, sizes.get(path, (0, 0)))
            file = _text_file(path, source)
            if path in sizes and file in index:
                faults += _add_boxes(file, place, rows, len(names))
            if bar is not None:
                bar.advance()
    reading.problems.add(f"{source.annotations}: {{count}} lines cannot be read", faults, LINE_HINT)
    return rows.table(names, range(len(names)))


def _images(source: Source, reading: Reading) -> list[Path]:
    paths = list_images(source.images)
    if not paths:
        raise DataError(f"{source.key}: {source.images} holds no images.")
    names = listed_names(source)
    if names is None:
        return paths
    stems = {path.stem: path for path in paths}
    absent = [name for name in names if name not in stems]
    title = f"{source.listing}: {{count}} of {len(names)} names have no image in {source.images}"
    reading.problems.add(title, absent, "Remove the names, or complete the folder.")
    return [stems[name] for name in names if name in stems]


def _text_file(image: Path, source: Source) -> Path:
    return (source.annotations / image.relative_to(source.images)).with_suffix(".txt")


def _add_boxes(file: Path, place: int, rows: TableRows, classes: int) -> list[str]:
    """Add the boxes of one file, and return what is wrong with its lines."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return [f"{file}: cannot be read as text: {error}"]
    faults = []
    width, height = rows.sizes[place]
    for line_number, line in enumerate(lines, start=1):
        columns = line.split()
        if not columns:
            continue
        try:
            number, (x, y, w, h) = _parse(columns)
        except ValueError as error:
            faults.append(f"{file}:{line_number}: {error}")
            continue
        if number >= classes:
            rows.unknown[len(rows.boxes)] = f"class {number}"
            number = UNKNOWN
        box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        rows.add_box(place, box, number)
    return faults


def _parse(columns: list[str]) -> tuple[int, tuple[float, ...]]:
    """Return class and centre, width, height of a line.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    if len(columns) < COLUMNS:
        msg = f"{len(columns)} columns, expected {COLUMNS}"
        raise ValueError(msg)
    try:
        number = float(columns[0])
        shares = tuple(float(text) for text in columns[1:COLUMNS])
    except ValueError as error:
        msg = f"not numbers: {' '.join(columns[:COLUMNS])}"
        raise ValueError(msg) from error
    if not number.is_integer() or number < 0:
        msg = f"class {columns[0]}, expected a whole number from 0 on"
        raise ValueError(msg)
    if not all(math.isfinite(share) and abs(share) <= FARTHEST for share in shares):
        msg = f"{' '.join(columns[1:COLUMNS])} are no shares between 0 and 1"
        raise ValueError(msg)
    return int(number), shares
