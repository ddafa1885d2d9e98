"""Own COCO's average precision and recall, computed by pycocotools without files in between.

Lin et al. 2014, "Microsoft COCO: Common Objects in Context". The evaluation is pycocotools' own, fed with the
dictionaries that it would make of files. Images on which a class neither stands nor could be hit are dealt with here:
all boxes of that class are then misses, whatever the overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools.cocoeval import COCOeval

from zoo_detection.metrics.coco_results import as_corner_and_size
from zoo_detection.metrics.records import Tables

NAMES = ("map", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100")
"""Names of the first of COCO's twelve numbers, in its order."""
ALL_AREAS = 0
ALL_BOXES = 2
"""Position of 100 boxes per image among the limits 1, 10, 100."""
ABSENT = -1
"""What pycocotools gives where there are no boxes to find."""

Key = tuple[int, int]


def _without_output(method: FunctionType) -> Callable[..., Any]:
    """Return a copy of a method in which `print` does nothing; the method itself and its module stay as they are."""
    names = {**method.__globals__, "print": lambda *_, **__: None}
    return FunctionType(method.__code__, names, method.__name__, method.__defaults__, method.__closure__)


class _Groups(dict[Key, Any]):
    """Hold something for each image and class; nothing is an empty list."""

    _nothing: tuple[()] = ()

    def __missing__(self, key: Key) -> tuple[()]:
        return self._nothing


class BoxEvaluation(COCOeval):  # type: ignore[misc]
    """Evaluate boxes from tables."""

    evaluate = _without_output(COCOeval.evaluate)
    accumulate = _without_output(COCOeval.accumulate)
    summarize = _without_output(COCOeval.summarize)

    def __init__(self, tables: Tables) -> None:
        super().__init__(iouType="bbox")
        self.tables = tables
        self.params.imgIds = tables.image_ids.tolist()
        self.params.catIds = tables.category_ids.tolist()
        self._zeros: dict[int, npt.NDArray[np.float64]] = {}

    def _prepare(self) -> None:
        """Sort the boxes by image and class, as pycocotools does with those of its files."""
        self._gts = self._true()
        self._lone: _Groups = _Groups()
        self._dts = self._found()
        self.evalImgs: list[Any] = []
        self.eval: dict[str, Any] = {}

    def _true(self) -> _Groups:
        true, groups = self.tables.true, _Groups()
        columns = (
            self.tables.image_ids[true.images].tolist(),
            self.tables.category_ids[true.classes].tolist(),
            as_corner_and_size(true.boxes).tolist(),
            true.areas.tolist(),
            true.crowd.tolist(),
        )
        for number, (image, category, box, area, crowd) in enumerate(zip(*columns, strict=True), start=1):
            row = {"id": number, "bbox": box, "area": area, "iscrowd": int(crowd), "ignore": int(crowd)}
            groups.setdefault((image, category), []).append(row)
        return groups

    def _found(self) -> _Groups:
        """Return dictionaries for boxes that have something to hit; scores and areas of the others go to `_lone`."""
        found, groups = self.tables.found, _Groups()
        boxes = as_corner_and_size(found.boxes)
        areas = boxes[:, 2] * boxes[:, 3]
        order = np.lexsort((found.classes, found.images))
        images, classes = found.images[order], found.classes[order]
        starts = np.flatnonzero(np.r_[True, (np.diff(images) != 0) | (np.diff(classes) != 0)][: len(order)])
        for members in np.split(order, starts[1:]) if len(order) else ():
            first = members[0]
            key = int(self.tables.image_ids[found.images[first]]), int(self.tables.category_ids[found.classes[first]])
            if key not in self._gts:
                self._lone[key] = found.scores[members], areas[members]
                continue
            groups[key] = [
                {"id": number + 1, "bbox": box, "area": area, "score": score}
                for number, box, area, score in zip(
                    members.tolist(),
                    boxes[members].tolist(),
                    areas[members].tolist(),
                    found.scores[members].tolist(),
                    strict=True,
                )
            ]
        return groups

    def computeIoU(self, imgId: int, catId: int) -> Any:  # noqa: N802, N803 - pycocotools' names
        """Return the overlaps of found and true boxes of one image and class."""
        return super().computeIoU(imgId, catId) if (imgId, catId) in self._gts else []

    def evaluateImg(self, imgId: int, catId: int, aRng: list[float], maxDet: int) -> dict[str, Any] | None:  # noqa: N802, N803
        """Return which boxes of one image and class hit something."""
        if (imgId, catId) in self._gts:
            result: dict[str, Any] = super().evaluateImg(imgId, catId, aRng, maxDet)
            return result
        if (imgId, catId) not in self._lone:
            return None
        scores, areas = (values[:maxDet] for values in self._lone[imgId, catId])
        misses = self._misses(len(scores))
        return {
            "image_id": imgId,
            "category_id": catId,
            "aRng": aRng,
            "maxDet": maxDet,
            "dtMatches": misses,
            "dtScores": scores,
            "gtIgnore": misses[0, :0],
            "dtIgnore": np.broadcast_to((areas < aRng[0]) | (areas > aRng[1]), misses.shape),
        }

    def _misses(self, count: int) -> npt.NDArray[np.float64]:
        """Return zeros of shape (thresholds, count), shared by all images."""
        if count not in self._zeros:
            self._zeros[count] = np.zeros((len(self.params.iouThrs), count))
        return self._zeros[count]


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoPrecision:
    """Hold COCO's numbers, between 0 and 1; what has no boxes to find is absent, or `None`."""

    averages: dict[str, float]
    per_class: tuple[tuple[float | None, float | None], ...]
    """AP and AP50 of every class."""


def coco_precision(tables: Tables) -> CocoPrecision:
    """Return average precision and recall as pycocotools computes them, up to 100 boxes per image."""
    if not tables.records or not len(tables.true.images):
        return CocoPrecision(averages={}, per_class=((None, None),) * tables.classes)
    evaluation = BoxEvaluation(tables)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    stats = dict(zip(NAMES, (float(value) for value in evaluation.stats), strict=False))
    precision = evaluation.eval["precision"][:, :, :, ALL_AREAS, ALL_BOXES]
    places = np.searchsorted(evaluation.params.catIds, tables.category_ids)
    return CocoPrecision(
        averages={name: value for name, value in stats.items() if value > ABSENT},
        per_class=tuple((_mean(precision[:, :, place]), _mean(precision[:1, :, place])) for place in places),
    )


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    present = values[values > ABSENT]
    return float(present.mean()) if present.size else None
