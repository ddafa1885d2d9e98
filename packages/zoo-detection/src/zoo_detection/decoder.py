"""Own the reading of a detector's outputs: boxes with labels and scores, and the picture that shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.detections import Detections
from zoo_detection.drawing import class_name, draw_boxes
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.coco_results import as_corner_and_size
from zoo_detection.postprocessing import PostProcessing

if TYPE_CHECKING:
    from zoo_detection.evaluator import DetectionEvaluator

SCORE_DECIMALS = 6
BOX_DECIMALS = 2
NAMED = 3
"""Largest number of classes that a sentence names."""


class DetectionDecoder:
    """Turn the outputs of a detector into one record per image."""

    def __init__(
        self,
        postprocessing: PostProcessing,
        preprocessing: ImagePreprocessing,
        class_names: Sequence[str],
        *,
        category_ids: Sequence[int] | None = None,
    ) -> None:
        """Take the numbers of the classes in result files too; without them classes count from 1."""
        self.postprocessing = postprocessing
        self.preprocessing = preprocessing
        self.class_names = tuple(class_names)
        self.category_ids = tuple(category_ids or range(1, len(self.class_names) + 1))

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return what was found on each image, best first, with boxes in pixels of the originals.

        Raises:
            UserError: When the outputs do not have the form that the family reads.
        """
        found = self.postprocessing.on_originals(outputs, sizes, self.preprocessing)
        return [self._record(one, size) for one, size in zip(found, sizes, strict=True)]

    def _record(self, found: Detections, size: tuple[int, int]) -> dict[str, Any]:
        boxes = np.round(found.boxes.astype(np.float64), BOX_DECIMALS).tolist()
        columns = zip(found.classes.tolist(), found.scores.tolist(), boxes, strict=True)
        detections = [
            {
                "label": self.class_names[index],
                "class_index": index,
                "score": round(score, SCORE_DECIMALS),
                "box": box,
            }
            for index, score, box in columns
        ]
        return {"detections": detections, "count": len(detections), "width": size[0], "height": size[1]}

    def draw(self, image: Image.Image, record: Mapping[str, Any]) -> Image.Image:
        """Return a copy of the image with a box, label and score for each detection."""
        found = record["detections"]
        boxes = np.array([one["box"] for one in found], np.float64).reshape(-1, 4)
        labels = [f"{one['label']} {100 * one['score']:.0f} %" for one in found]
        return draw_boxes(image, boxes, labels, [one["class_index"] for one in found])

    def sentence(self, record: Mapping[str, Any], target: BoxLabels) -> str:
        """Return how many boxes of which classes were found, and how many are labelled."""
        found = Counter(one["label"] for one in record["detections"])
        true = Counter(class_name(index, self.class_names) for index in target.classes[target.trained].tolist())
        return f"found {_listed(found)}; labelled {_listed(true)}"

    def as_judged(self, evaluator: DetectionEvaluator) -> DetectionDecoder:
        """Return a decoder of the boxes that an evaluation counts: from the confidence on that it found best."""
        postprocessing = PostProcessing(
            self.postprocessing.family,
            confidence=evaluator.shown_confidence,
            overlap=self.postprocessing.overlap,
            limit=self.postprocessing.limit,
        )
        return DetectionDecoder(postprocessing, self.preprocessing, self.class_names, category_ids=self.category_ids)

    def describe(self) -> dict[str, Any]:
        """Return the description of the outputs for an exported model."""
        return {"type": "detection", "category_ids": list(self.category_ids), **self.postprocessing.describe()}

    def results(self, records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of COCO's result format for records, with the file name of each image in every row.

        The number of an image is that of its file name, such as 139 for `000000000139.jpg`; images whose names are no
        numbers, or that of an image before, get the next one that is free.
        """
        rows = []
        for image_id, record, name in zip(image_numbers(names), records, names, strict=True):
            found = record["detections"]
            boxes = as_corner_and_size(np.array([one["box"] for one in found], np.float64).reshape(-1, 4))
            rows += [
                {
                    "image_id": image_id,
                    "category_id": self.category_ids[one["class_index"]],
                    "bbox": box,
                    "score": one["score"],
                    "file_name": Path(name).name,
                }
                for one, box in zip(found, boxes.tolist(), strict=True)
            ]
        return rows


def _listed(counts: Counter[str]) -> str:
    """Return the most frequent names with their numbers."""
    named = [f"{count} {name}" for name, count in counts.most_common(NAMED)]
    others = counts.total() - sum(count for _, count in counts.most_common(NAMED))
    return ", ".join([*named, *([f"{others} more"] if others else [])]) or "nothing"


def image_numbers(names: Sequence[str]) -> list[int]:
    """Return a number for every file, its name's own where possible, each only once."""
    stems = [Path(name).stem for name in names]
    own = [int(stem) if stem.isascii() and stem.isdecimal() else None for stem in stems]
    reserved, given = set(own), set[int]()
    numbers, running = [], 1
    for number in own:
        if number is None or number in given:
            while running in reserved or running in given:
                running += 1
            number = running  # noqa: PLW2901 - the number that the image gets
        given.add(number)
        numbers.append(number)
    return numbers
