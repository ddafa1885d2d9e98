"""Own COCO's average precision and recall of poses, computed by pycocotools without files in between.

Lin et al. 2014, "Microsoft COCO: Common Objects in Context". Matching and averaging are pycocotools' own; the
similarities come from the tables, computed for all images at once by the same formula.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.cocoeval import COCOeval

from zoo_pose.metrics.records import Tables
from zoo_pose.metrics.similarity import closeness

PERSON = 1
"""Number of the only category in COCO's files of keypoints."""
ABSENT = -1
"""What pycocotools gives where there is nothing to find."""
AVERAGED = 10
"""Similarities from 0.50 to 0.95 that averages are taken over."""
HALF, THREE_QUARTERS = 0, 5
"""Position of 0.50 and 0.75 among them."""
FOUND_PER_IMAGE = 20
"""Best found poses of an image that COCO looks at."""

Floats = npt.NDArray[np.float64]


class KeypointEvaluation(COCOeval):  # type: ignore[misc]
    """Evaluate poses from tables, all sizes together."""

    def __init__(self, tables: Tables, extra: float | None = None) -> None:
        """Take a similarity that curves are wanted for besides COCO's ten."""
        super().__init__(iouType="keypoints")
        self.tables = tables
        params = self.params
        params.kpt_oks_sigmas = tables.sigmas
        params.imgIds = tables.image_ids.tolist()
        params.catIds = [PERSON]
        params.areaRng, params.areaRngLbl = params.areaRng[:1], params.areaRngLbl[:1]
        if extra is not None and not np.isclose(params.iouThrs, extra).any():
            params.iouThrs = np.append(params.iouThrs, extra)

    def _prepare(self) -> None:
        """Sort the poses by image, as pycocotools does with those of its files."""
        self._true, self._found = self._members(self.tables.true.images), self._members(self.tables.found.images)
        self._gts, self._dts = self._true_rows(), self._found_rows()
        self._image = {int(number): place for place, number in enumerate(self.tables.image_ids)}
        self.evalImgs: list[Any] = []
        self.eval: dict[str, Any] = {}

    def _members(self, images: npt.NDArray[np.int64]) -> list[slice]:
        """Return where the poses of every image stand."""
        ends = np.searchsorted(images, np.arange(len(self.tables.records) + 1)).tolist()
        return [slice(start, end) for start, end in pairwise(ends)]

    def _true_rows(self) -> dict[tuple[int, int], list[dict[str, Any]]]:
        true = self.tables.true
        columns = zip(true.areas.tolist(), true.crowd.tolist(), true.counted.tolist(), strict=True)
        rows = [
            {"id": number, "area": area, "iscrowd": int(crowd), "ignore": int(not counted)}
            for number, (area, crowd, counted) in enumerate(columns, start=1)
        ]
        return self._by_image(rows, self._true)

    def _found_rows(self) -> dict[tuple[int, int], list[dict[str, Any]]]:
        scores = self.tables.found.scores.tolist()
        rows = [{"id": number, "area": 1.0, "score": score} for number, score in enumerate(scores, start=1)]
        return self._by_image(rows, self._found)

    def _by_image(
        self, rows: list[dict[str, Any]], members: list[slice]
    ) -> dict[tuple[int, int], list[dict[str, Any]]]:
        numbers = self.tables.image_ids.tolist()
        return {(number, PERSON): rows[part] for number, part in zip(numbers, members, strict=True)}

    def computeOks(self, imgId: int, catId: int) -> Any:  # noqa: N802, N803 - pycocotools' names
        """Return the similarity of found and true poses of one image, shape (P, M), or an empty list."""
        place = self._image[int(imgId)]
        true, found = self._true[place], self._found[place]
        shape = found.stop - found.start, true.stop - true.start
        if not all(shape):
            return []
        matrix = self.tables.pairs.matrix(place, *shape)[:FOUND_PER_IMAGE].copy()
        empty = np.flatnonzero(~self.tables.true.labelled[true].any(axis=1))
        if len(empty):
            matrix[:, empty] = self._around_boxes(found, true.start + empty)[:FOUND_PER_IMAGE]
        return matrix

    def _around_boxes(self, found: slice, true: npt.NDArray[np.int64]) -> Floats:
        """Return how near found poses are to boxes of three times their size around poses without keypoints."""
        points = self.tables.found.points[found][:, None]
        boxes = self.tables.true.boxes[true]
        sides = boxes[:, 2:] - boxes[:, :2]
        low, high = (boxes[:, :2] - sides)[:, None], (boxes[:, 2:] + sides)[:, None]
        outside = np.maximum(low - points, 0.0) + np.maximum(points - high, 0.0)
        return np.asarray(
            closeness((outside**2).sum(axis=-1), self.tables.true.areas[true], self.tables.sigmas).mean(axis=-1)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CocoKeypoints:
    """Hold COCO's numbers, between 0 and 1; nothing where there is no pose to find."""

    averages: dict[str, float]
    """`map`, `ap50`, `ap75` and `ar`."""
    thresholds: Floats
    """Shape (S,): similarities from which on a pose counts as found; the first ten are COCO's."""
    precisions: Floats
    """Shape (S, 101): precision at recalls of 0, 0.01, ... 1."""


def coco_keypoints(tables: Tables, extra: float | None = None) -> CocoKeypoints:
    """Return average precision and recall as pycocotools computes them, for the 20 best poses of each image.

    Args:
        tables: What was gathered.
        extra: A similarity that the curve is wanted for besides COCO's ten; averages leave it out.
    """
    if not tables.true.counted.any():
        return CocoKeypoints(averages={}, thresholds=np.zeros(0), precisions=np.zeros((0, 101)))
    evaluation = KeypointEvaluation(tables, extra)
    with redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    precisions = evaluation.eval["precision"][:, :, 0, 0, 0]
    recalls = evaluation.eval["recall"][:, 0, 0, 0]
    return CocoKeypoints(
        averages={
            "map": _mean(precisions[:AVERAGED]),
            "ap50": _mean(precisions[HALF]),
            "ap75": _mean(precisions[THREE_QUARTERS]),
            "ar": _mean(recalls[:AVERAGED]),
        },
        thresholds=np.asarray(evaluation.params.iouThrs),
        precisions=precisions,
    )


def _mean(values: Floats) -> float:
    present = values[values > ABSENT]
    return float(present.mean()) if present.size else 0.0
