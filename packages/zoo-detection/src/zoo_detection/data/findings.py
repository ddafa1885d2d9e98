"""Own the judgement of boxes: what makes them unusable, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.findings import Finding
from zoo_detection.data.table import UNKNOWN, BoxTable

OUTSIDE_PIXELS = 0.5
"""Pixels over the border from which on a box counts as outside; less is rounding."""
TINY_PIXELS = 2.0
"""Shorter side in pixels below which a box is tiny."""


def box_findings(table: BoxTable, split: str) -> list[Finding]:
    """Return the findings about the boxes of one split.

    Problems are boxes that no training can use: empty or inverted, wholly outside the image, or of an unknown class.
    Boxes partly outside are cut at the border in training, so they are only worth knowing.
    """
    return [*_unusable(table, split), *_odd(table, split), *_absent(table, split)]


def _unusable(table: BoxTable, split: str) -> Iterator[Finding]:
    boxes = table.boxes
    sides = boxes[:, 2:] - boxes[:, :2]
    inverted = np.asarray((sides < 0).any(axis=1), np.bool_)
    empty = (sides == 0).any(axis=1) & ~inverted
    flawed = inverted | empty
    yield from _found(
        table, split, "inverted_box", inverted, "whose right or lower edge comes first; they are left out", problem=True
    )
    yield from _found(table, split, "empty_box", empty, "without width or height; they are left out", problem=True)
    yield from _found(
        table, split, "unknown_class", table.classes == UNKNOWN, "of unknown classes; they are left out", problem=True
    )
    over, away = _outside(table)
    yield from _found(table, split, "box_away", away & ~flawed, "wholly outside their image", problem=True)
    yield from _found(
        table, split, "box_outside", over & ~away & ~flawed, "reaching out of their image; training cuts them there"
    )


def _odd(table: BoxTable, split: str) -> Iterator[Finding]:
    sides = table.boxes[:, 2:] - table.boxes[:, :2]
    tiny = (sides > 0).all(axis=1) & (sides.min(axis=1, initial=np.inf) < TINY_PIXELS)
    yield from _found(table, split, "tiny_box", tiny, f"shorter than {TINY_PIXELS:g} pixels on a side")
    yield from _found(table, split, "repeated_box", _repeated(table), "that repeat another one of their image")


def _absent(table: BoxTable, split: str) -> Iterator[Finding]:
    usable = table.usable
    counts = np.bincount(table.images[usable], minlength=len(table))
    bare = np.flatnonzero(counts == 0).tolist()
    if bare:
        yield Finding(
            kind="no_boxes",
            problem=False,
            text=f"{split}: {_number(len(bare), 'image')} of {len(table)} without boxes",
            items=tuple(str(table.paths[index]) for index in bare),
        )
    seen = np.bincount(table.classes[usable], minlength=len(table.names))
    empty = [name for name, count in zip(table.names, seen, strict=True) if count == 0]
    if empty:
        yield Finding(
            kind="empty_class",
            problem=False,
            text=f"{split}: {len(empty)} of {len(table.names)} classes have no boxes",
            items=tuple(empty),
        )


def _outside(table: BoxTable) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which boxes reach over the border of their image, and which do not touch it at all."""
    sizes = table.sizes[table.images].astype(np.float64)
    known = sizes.min(axis=1, initial=np.inf) > 0
    low, high = table.boxes[:, :2], table.boxes[:, 2:]
    over = (low < -OUTSIDE_PIXELS).any(axis=1) | (high > sizes + OUTSIDE_PIXELS).any(axis=1)
    away = (high <= 0).any(axis=1) | (low >= sizes).any(axis=1)
    return known & over, known & away


def _repeated(table: BoxTable) -> npt.NDArray[np.bool_]:
    """Return which boxes have the image, class and place of an earlier one."""
    rows = np.column_stack([table.images, table.classes, table.boxes])
    _, first = np.unique(rows, axis=0, return_index=True)
    found = np.ones(len(rows), np.bool_)
    found[first] = False
    return found


def _found(
    table: BoxTable, split: str, kind: str, rows: npt.NDArray[np.bool_], words: str, *, problem: bool = False
) -> Iterator[Finding]:
    chosen = np.flatnonzero(rows)
    if len(chosen):
        yield Finding(
            kind=kind,
            problem=problem,
            text=f"{split}: {_number(len(chosen), 'box', 'boxes')} {words}",
            items=tuple(
                _line(table, int(row), int(image)) for row, image in zip(chosen, table.images[rows], strict=True)
            ),
        )


def _line(table: BoxTable, row: int, image: int) -> str:
    """Return in words which box of which image stands in a row."""
    number = int(table.classes[row])
    name = table.unknown.get(row, "?") if number == UNKNOWN else table.names[number]
    left, top, right, bottom = (f"{value:.6g}" for value in table.boxes[row])
    width, height = table.sizes[image]
    corners = f"left {left}, top {top}, right {right}, bottom {bottom}"
    return f"{table.paths[image]} ({width}x{height}): {name}: {corners}"


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
