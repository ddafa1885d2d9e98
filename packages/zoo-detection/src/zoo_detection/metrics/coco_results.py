"""Own COCO's result format: one row per found box, in a file that COCO's tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_detection.metrics.records import DECIMALS, Tables


def as_corner_and_size(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return left, top, width, height of boxes given by their corners, shape (K, 4).

    A side that is a decimal fraction but for the error of the subtraction becomes that fraction.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    tidy = np.round(sides, 2 * DECIMALS)
    sides = np.where(np.isclose(tidy, sides, rtol=0.0, atol=1e-10), tidy, sides)
    return np.concatenate([boxes[:, :2], sides], axis=1)


def result_rows(tables: Tables) -> list[dict[str, Any]]:
    """Return a row for every found box: image_id, category_id, bbox (left, top, width, height in pixels), score."""
    found = tables.found
    columns = (
        tables.image_ids[found.images].tolist(),
        tables.category_ids[found.classes].tolist(),
        as_corner_and_size(found.boxes).tolist(),
        found.scores.tolist(),
    )
    return [
        {"image_id": image, "category_id": category, "bbox": box, "score": score}
        for image, category, box, score in zip(*columns, strict=True)
    ]


def write_results(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as a JSON list, one row per line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for number, row in enumerate(rows):
            stream.write(",\n" if number else "\n")
            stream.write(json.dumps(row, allow_nan=False))
        stream.write("\n]\n")
    return path
