"""Own reading tables of labelled frames as DeepLabCut writes them and Lightning Pose reads them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zoo_core.data.coco_document import ABSENT_HINT
from zoo_core.data.image_folders import FileIndex, read_sizes
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_pose.data.framing import framed
from zoo_pose.data.sources import Reading, Source
from zoo_pose.data.table import PoseTable, TableRows

HEADER_HINT = (
    "Expected three header rows, scorer, bodyparts and coords with x and y of each keypoint, and below them a row for "
    "each image: its path, then its numbers in pixels, empty cells where a keypoint is not labelled."
)
BODYPARTS, INDIVIDUALS, COORDS = "bodyparts", "individuals", "coords"
AXES = ("x", "y")
NOTHING = frozenset({"", "nan", "na", "none"})
"""Cells, in lower case, that say that a keypoint is not labelled."""


@dataclass(frozen=True, slots=True)
class _Header:
    """Say what the columns of a table are."""

    rows: int
    """Number of rows before the first image."""
    start: int
    """First column after those of the path."""
    names: tuple[str, ...]
    animals: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    """Name of each animal, and the columns of x and y of each of its keypoints."""


def read_csv(source: Source, reading: Reading) -> PoseTable:
    """Read a table with a row for each image; of tables with a row `individuals` every animal is a pose.

    Images are looked for under their whole path in the folder of the images and in that of the table, then under
    shorter and shorter ends of it. The box of a pose is that around its labelled keypoints, longer by a tenth and cut
    at the border of the image; 0.53 of it is its area. A row without any number is an image without a pose. Columns of
    likelihoods are passed over.

    Raises:
        DataError: When the file is no such table.
    """
    table = _cells(source.annotations)
    header = _header(source.annotations, table)
    if reading.keypoints is None:
        reading.keypoints = len(header.names)
    rows = TableRows()
    numbered = _add_images(table, header, source, rows, reading)
    faults = []
    for place, line in enumerate(numbered):
        for animal, columns in header.animals:
            numbers, fault = _keypoints(table[line - 1], columns, header.names)
            if fault is not None:
                who = f"{animal}: " if len(header.animals) > 1 else ""
                faults.append(f"{source.annotations}:{line}: {who}{fault}")
            elif any(numbers[2::3]):
                rows.add_pose(place, numbers, framed(numbers, rows.sizes[place]))
    reading.problems.add(f"{source.annotations}: {{count}} poses cannot be read", faults, HEADER_HINT)
    return rows.table(len(header.names), names=header.names)


def _cells(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [[cell.strip() for cell in row] for row in csv.reader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}.") from error


def _header(path: Path, table: Sequence[Sequence[str]]) -> _Header:
    """Return what the columns are.

    Raises:
        DataError: When the first rows do not say it.
    """
    named = {row[0].casefold(): number for number, row in reversed(list(enumerate(table[:4]))) if row}
    if BODYPARTS not in named or COORDS not in named:
        first = ", ".join(row[0] or "''" for row in table[:3] if row) or "nothing"
        raise DataError(f"{path}: the first column of the header holds {first}.", hint=HEADER_HINT)
    coords, parts = table[named[COORDS]], table[named[BODYPARTS]]
    animals = table[named[INDIVIDUALS]] if INDIVIDUALS in named else [""] * len(coords)
    if not len(coords) == len(parts) == len(animals):
        raise DataError(f"{path}: the rows of the header have different numbers of columns.", hint=HEADER_HINT)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for column in range(1, len(coords)):
        axis = coords[column].casefold()
        if axis in AXES:
            places = found.setdefault(animals[column], {}).setdefault(parts[column], {})
            if axis in places:
                raise DataError(f"{path}: {parts[column]} has two columns {axis}.", hint=HEADER_HINT)
            places[axis] = column
    start = min((column for one in found.values() for places in one.values() for column in places.values()), default=0)
    problems = list(_header_faults(found))
    if problems:
        raise DataError("\n".join(f"{path}: {problem}" for problem in problems), hint=HEADER_HINT)
    names = tuple(next(iter(found.values())))
    columns = tuple(
        (animal, tuple((places[name]["x"], places[name]["y"]) for name in names)) for animal, places in found.items()
    )
    return _Header(named[COORDS] + 1, start, names, columns)


def _header_faults(found: dict[str, dict[str, dict[str, int]]]) -> Iterator[str]:
    if not found:
        yield "no column is called x or y in the row coords"
    for animal, places in found.items():
        half = [name for name, axes in places.items() if len(axes) < len(AXES)]
        if half:
            yield f"x or y is missing of {shorten(half)}"
        first, names = next(iter(found.items()))
        if set(places) != set(names):
            yield f"{animal} and {first} have different keypoints; tables of different animals are not read"


def _add_images(
    table: Sequence[Sequence[str]], header: _Header, source: Source, rows: TableRows, reading: Reading
) -> list[int]:
    """Add the images, and return the line of each in the file."""
    index = FileIndex()
    folders = list(dict.fromkeys((source.images, source.annotations.parent)))
    lines: list[int] = []
    seen: dict[str, int] = {}
    paths: list[Path] = []
    absent, faults = [], []
    for line, row in enumerate(table[header.rows :], start=header.rows + 1):
        name = "/".join(cell for cell in row[: header.start] if cell).replace("\\", "/")
        if not any(row):
            continue
        if not name or name in seen:
            why = f"{name} stands on line {seen[name]} too" if name else "no image is named"
            faults.append(f"{source.annotations}:{line}: {why}")
            continue
        seen[name] = line
        path = _find(name, folders, index)
        if path is None:
            absent.append(f"{source.annotations}:{line}: {name}")
        lines.append(line)
        paths.append(folders[0] / name if path is None else path)
    reading.problems.add(f"{source.annotations}: {{count}} rows cannot be used", faults)
    places = " and ".join(map(str, folders))
    title = f"{source.annotations}: {{count}} of {len(paths)} image files are not in {places}"
    reading.problems.add(title, absent, ABSENT_HINT)
    sizes = read_sizes(paths, reading.progress)
    for path in paths:
        rows.add_image(path, sizes.get(path, (0, 0)))
    return lines


def _find(name: str, folders: Sequence[Path], index: FileIndex) -> Path | None:
    """Return where an image lies: the longest end of its path that one of the folders has."""
    parts = [part for part in PurePosixPath(name).parts if part not in ("/", "..")]
    tried = (folder.joinpath(*parts[first:]) for first in range(len(parts)) for folder in folders)
    return next((path for path in tried if path in index), None)


def _keypoints(
    row: Sequence[str], columns: Sequence[tuple[int, int]], names: Sequence[str]
) -> tuple[list[float], str | None]:
    """Return x, y, visibility of each keypoint after the other, and what is wrong."""
    found: list[float] = []
    for name, ends in zip(names, columns, strict=True):
        cells = [row[column] if column < len(row) else "" for column in ends]
        empty = [cell.casefold() in NOTHING for cell in cells]
        if all(empty):
            found += (0.0, 0.0, 0.0)
            continue
        if any(empty):
            return [], f"{name} has x or y, not both"
        try:
            x, y = map(float, cells)
        except ValueError:
            return [], f"{name}: {', '.join(cells)} are no numbers"
        if not math.isfinite(x) or not math.isfinite(y):
            return [], f"{name}: {', '.join(cells)} are not finite"
        found += (x, y, 1.0)
    return found, None
