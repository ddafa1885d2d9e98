"""Own reading YOLO Darknet's text files with keypoints: one for each image, one pose on each line."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

from zoo_core.data.image_folders import FileIndex, read_sizes
from zoo_core.data.images import list_images
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_pose.data.sources import Reading, Source
from zoo_pose.data.table import PoseTable, TableRows

BOX = 5
"""Numbers before the keypoints: class, centre, width, height."""
EACH = 3
TOLERANCE = 0.01
"""Share of the image by which a place may lie outside it, since files are rounded."""
LINE_HINT = (
    "Expected on each line: 0 cx cy w h, then x y v of each keypoint; places in shares of the image's width and "
    "height, v 0 where a keypoint is not labelled, else 1 or 2."
)
NO_IMAGES = frozenset({"classes", "labels", "readme", "obj", "train", "val", "test"})
"""Stems of text files that belong to no image."""


def read_yolo(source: Source, reading: Reading) -> PoseTable:
    """Read the text file of every image of a folder; an empty one says that the image shows no pose.

    A line holds 1 + 4 + 3K numbers. When the number of keypoints K is not known yet, it is that of most lines.

    Raises:
        DataError: When the folder holds no images.
    """
    paths = list_images(source.images)
    if not paths:
        raise DataError(f"{source.key}: {source.images} holds no images.")
    files = [(source.annotations / path.relative_to(source.images)).with_suffix(".txt") for path in paths]
    index = FileIndex()
    absent = [str(file) for file in files if file not in index]
    title = f"{source.annotations}: {{count}} of {len(paths)} images have no text file"
    reading.problems.add(title, absent, "An empty text file says that an image shows no pose.")
    _note_orphans(source, files, reading)
    sizes = read_sizes(paths, reading.progress)
    lines = _Lines(reading)
    shown = reading.progress
    rows = TableRows()
    with nullcontext() if shown is None else shown.track(f"Reading {source.annotations.name}", len(paths)) as bar:
        for place, (path, file) in enumerate(zip(paths, files, strict=True)):
            rows.add_image(path, sizes.get(path, (0, 0)))
            if file in index:
                lines.read(file, place)
            if bar is not None:
                bar.advance()
    keypoints = lines.finish(source, rows)
    return rows.table(keypoints)


class _Lines:
    """Gather the lines of all files, since the number of keypoints may be known only in the end."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._found: list[tuple[Path, int, int, array[float]]] = []
        self._faults: list[str] = []

    def read(self, file: Path, place: int) -> None:
        """Take the lines of a file that belongs to the image at a place."""
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self._faults.append(f"{file}: cannot be read as text: {error}")
            return
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            try:
                self._found.append((file, number, place, array("d", map(float, words))))
            except ValueError:
                wrong = next(word for word in words if not _is_number(word))
                self._faults.append(f"{file}:{number}: {wrong!r} is no number")

    def finish(self, source: Source, rows: TableRows) -> int:
        """Add the poses to the rows and what is wrong to the problems, and return the number of keypoints."""
        counts = Counter(len(numbers) for *_, numbers in self._found)
        usual = next((count for count, _ in counts.most_common() if count > BOX and (count - BOX) % EACH == 0), None)
        keypoints = self._reading.keypoints
        if keypoints is None and usual is not None:
            keypoints = self._reading.keypoints = (usual - BOX) // EACH
        if keypoints is None:
            keypoints = 0
        wanted = BOX + EACH * keypoints
        for file, number, place, numbers in self._found:
            fault = next(_faults(numbers, wanted), None)
            if fault is not None:
                self._faults.append(f"{file}:{number}: {fault}")
            else:
                _add(numbers, place, rows)
        hint = LINE_HINT
        if usual not in (None, wanted) and self._reading.stated:
            stated = (
                f"dataset.keypoints is {keypoints}; lines of {usual} numbers hold {(usual - BOX) // EACH} keypoints"
            )
            hint = f"{stated}. {LINE_HINT}"
        self._reading.problems.add(f"{source.annotations}: {{count}} lines cannot be read", self._faults, hint)
        return keypoints


def _faults(numbers: Sequence[float], wanted: int) -> Iterator[str]:
    """Yield what is wrong with the numbers of a line."""
    if len(numbers) != wanted:
        yield f"{len(numbers)} numbers, expected {wanted}" + (
            f" for {(wanted - BOX) // EACH} keypoints" if wanted > BOX else ""
        )
        return
    if not all(math.isfinite(number) for number in numbers):
        yield "not all numbers are finite"
    if not numbers[0].is_integer() or numbers[0] < 0:
        yield f"class {numbers[0]:g}, expected 0"
    for name, value in zip(("cx", "cy", "w", "h"), numbers[1:BOX], strict=True):
        if not -TOLERANCE <= value <= 1 + TOLERANCE:
            yield f"{name} is {value:g}, expected a share between 0 and 1"
    for place in range(BOX, wanted, EACH):
        number = (place - BOX) // EACH
        x, y, flag = numbers[place : place + EACH]
        if flag not in (0, 1, 2):
            yield f"v of keypoint {number} is {flag:g}, expected 0, 1 or 2"
        for name, value in (("x", x), ("y", y)):
            if flag and not -TOLERANCE <= value <= 1 + TOLERANCE:
                yield f"{name} of keypoint {number} is {value:g}, expected a share between 0 and 1"


def _add(numbers: Sequence[float], place: int, rows: TableRows) -> None:
    width, height = rows.sizes[place]
    _, x, y, w, h = numbers[:BOX]
    box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    points = array("d", numbers[BOX:])
    points[0::EACH] = array("d", [value * width for value in points[0::EACH]])
    points[1::EACH] = array("d", [value * height for value in points[1::EACH]])
    rows.add_pose(place, points, box)


def _note_orphans(source: Source, files: Sequence[Path], reading: Reading) -> None:
    """Note the text files that belong to none of the images."""
    known = set(files)
    orphans = sorted(
        path.name
        for path in source.annotations.rglob("*.txt")
        if path not in known and path.stem.casefold() not in NO_IMAGES
    )
    if orphans:
        reading.notes.append(f"{source.key}: {len(orphans)} text files have no image: {shorten(orphans)}.")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
