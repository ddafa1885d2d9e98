"""Own COCO's result format of keypoints: one row per found pose, in a file that COCO's tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_pose.metrics.coco_keypoints import PERSON
from zoo_pose.metrics.records import Tables

CONFIDENCE_DECIMALS = 6


def result_row(
    image_id: int, points: Sequence[Sequence[float]], confidences: Sequence[float], score: float
) -> dict[str, Any]:
    """Return the row of one pose: image_id, category_id, keypoints (x, y, confidence of each in turn), score."""
    keypoints = [
        number
        for (x, y), confidence in zip(points, confidences, strict=True)
        for number in (x, y, round(confidence, CONFIDENCE_DECIMALS))
    ]
    return {"image_id": image_id, "category_id": PERSON, "keypoints": keypoints, "score": score}


def result_rows(tables: Tables) -> list[dict[str, Any]]:
    """Return a row for every found pose, in pixels of the originals."""
    found = tables.found
    columns = (
        tables.image_ids[found.images].tolist(),
        found.points.tolist(),
        found.confidences.tolist(),
        found.scores.tolist(),
    )
    return [result_row(*row) for row in zip(*columns, strict=True)]


def write_results(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as a JSON list, one row per line."""
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    path.write_text(f"[\n{lines}\n]\n" if lines else "[]\n", encoding="utf-8")
    return path


def image_numbers(names: Sequence[str]) -> list[int]:
    """Return a number for every file: its name's own, such as 139 for `000000000139.jpg`, each only once.

    Files whose names are no numbers, or that of a file before, get the smallest ones that no file's name is.
    """
    stems = [Path(name).stem for name in names]
    own = [int(stem) if stem.isascii() and stem.isdecimal() else None for stem in stems]
    known = set(own)
    free = (number for number in range(1, 2 * len(own) + 1) if number not in known)
    given: set[int] = set()
    numbers = []
    for wish in own:
        number = next(free) if wish is None or wish in given else wish
        given.add(number)
        numbers.append(number)
    return numbers
