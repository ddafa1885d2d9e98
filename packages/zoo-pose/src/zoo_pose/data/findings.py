"""Own the judgement of poses: what makes them unusable, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.findings import Finding
from zoo_pose.data.table import PoseTable
from zoo_pose.skeletons import Skeleton

OUTSIDE_PIXELS = 1.0
"""Pixels over the border from which on a place counts as outside; less is rounding."""
AWAY = 0.5
"""Share of the longer side of its box by which a keypoint must lie outside the box to be told."""

Rows = npt.NDArray[np.bool_]


def pose_findings(table: PoseTable, skeleton: Skeleton, split: str) -> list[Finding]:
    """Return the findings about the poses of one split.

    Problems are poses that no training can use, and labelled keypoints outside their image, which are most often a
    mistake of units or a file of another image. The rest is worth knowing.
    """
    return [*_unusable(table, skeleton, split), *_odd(table, skeleton, split), *_absent(table, skeleton, split)]


def _unusable(table: PoseTable, skeleton: Skeleton, split: str) -> Iterator[Finding]:
    sides = table.boxes[:, 2:] - table.boxes[:, :2]
    inverted = np.asarray((sides < 0).any(axis=1), np.bool_)
    yield from _poses(table, split, "inverted_box", inverted, "whose box has its right or lower edge first; left out")
    empty = (sides == 0).any(axis=1) & ~inverted
    yield from _poses(table, split, "empty_box", empty, "whose box has no width or height; left out")
    outside = _outside(table, table.points) & table.labelled
    chosen = np.argwhere(outside)
    if len(chosen):
        images = table.images[chosen[:, 0]].tolist()
        items = (
            _point(table, image, skeleton.names[number], table.points[row, number])
            for (row, number), image in zip(chosen.tolist(), images, strict=True)
        )
        text = f"{split}: {_number(len(chosen), 'labelled keypoint')} outside the image"
        yield Finding(kind="keypoint_outside", problem=True, text=text, items=tuple(items))


def _odd(table: PoseTable, skeleton: Skeleton, split: str) -> Iterator[Finding]:
    corners = table.boxes.reshape(-1, 2, 2)
    over = np.asarray(_outside(table, corners).any(axis=1) & table.usable)
    yield from _poses(table, split, "box_outside", over, "whose box reaches out of the image", problem=False)
    reach = AWAY * (corners[:, 1] - corners[:, 0]).max(axis=1, initial=0.0)[:, None]
    below = (corners[:, None, 0] - table.points).max(axis=2)
    above = (table.points - corners[:, None, 1]).max(axis=2)
    away = (np.maximum(below, above) > reach) & table.labelled & (table.usable & ~table.crowd)[:, None]
    yield from _poses(
        table, split, "keypoint_away", np.asarray(away.any(axis=1)), "with keypoints far from their box", problem=False
    )
    bare = ~table.labelled.any(axis=1) & ~table.crowd
    yield from _poses(table, split, "no_keypoints", bare, "without a labelled keypoint", problem=False)
    yield from _poses(table, split, "repeated_pose", _repeated(table), "that repeat another one", problem=False)
    if skeleton.pairs:
        left, right = np.array(skeleton.pairs, np.int64).T
        both = table.labelled[:, left] & table.labelled[:, right]
        same = (table.points[:, left] == table.points[:, right]).all(axis=2) & both
        yield from _poses(
            table,
            split,
            "sides_coincide",
            np.asarray(same.any(axis=1)),
            "with a left and a right keypoint at the same place",
            problem=False,
        )


def _absent(table: PoseTable, skeleton: Skeleton, split: str) -> Iterator[Finding]:
    bare = np.flatnonzero(table.per_image(table.trained) == 0).tolist()
    if bare:
        yield Finding(
            kind="no_poses",
            problem=False,
            text=f"{split}: {_number(len(bare), 'image')} of {len(table)} without a labelled pose",
            items=tuple(str(table.paths[index]) for index in bare),
        )
    seen = np.asarray(table.labelled[table.trained].any(axis=0))
    never = [name for name, found in zip(skeleton.names, seen.tolist(), strict=True) if not found]
    if never:
        yield Finding(
            kind="unlabelled_keypoint",
            problem=False,
            text=f"{split}: {len(never)} of {skeleton.keypoints} keypoints are never labelled",
            items=tuple(never),
        )


def _outside(table: PoseTable, places: npt.NDArray[np.float64]) -> Rows:
    """Return which places (P, M, 2) lie outside their image, shape (P, M)."""
    sizes = table.sizes[table.images].astype(np.float64)[:, None]
    known = sizes.min(axis=2) > 0
    return np.asarray(known & ((places < -OUTSIDE_PIXELS) | (places > sizes + OUTSIDE_PIXELS)).any(axis=2))


def _repeated(table: PoseTable) -> Rows:
    """Return which poses have the image and the keypoints of an earlier one; poses without keypoints do not count."""
    found = np.zeros(len(table.points), np.bool_)
    seen: set[tuple[int, bytes]] = set()
    for row, image in enumerate(table.images.tolist()):
        place = image, table.points[row].tobytes()
        found[row] = place in seen
        seen.add(place)
    return found & table.labelled.any(axis=1)


def _poses(
    table: PoseTable, split: str, kind: str, rows: Rows, words: str, *, problem: bool = True
) -> Iterator[Finding]:
    chosen = np.flatnonzero(rows).tolist()
    if chosen:
        items = tuple(
            _line(table, row, image) for row, image in zip(chosen, table.images[chosen].tolist(), strict=True)
        )
        yield Finding(kind=kind, problem=problem, text=f"{split}: {_number(len(chosen), 'pose')} {words}", items=items)


def _line(table: PoseTable, row: int, image: int) -> str:
    left, top, right, bottom = (f"{value:.6g}" for value in table.boxes[row])
    labelled = int(table.labelled[row].sum())
    box = f"left {left}, top {top}, right {right}, bottom {bottom}"
    return f"{table.paths[image]} ({_size(table, image)}): {box}, {_number(labelled, 'keypoint')}"


def _point(table: PoseTable, image: int, name: str, point: npt.NDArray[np.float64]) -> str:
    x, y = point
    return f"{table.paths[image]} ({_size(table, image)}): {name} at {x:.6g}, {y:.6g}"


def _size(table: PoseTable, image: int) -> str:
    width, height = table.sizes[image]
    return f"{width}x{height}"


def _number(count: int, one: str) -> str:
    return f"{count} {one if count == 1 else one + 's'}"
