"""Own what an evaluation gathers: true and found boxes of every image, as lists and as flat tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.detections import Detections
from zoo_detection.labels import BoxLabels

DECIMALS = 3
"""Decimals of a pixel that found boxes keep, in measures and result files alike."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRecord:
    """Hold the labels of one image and what was found on it, both in pixels of the original."""

    labels: BoxLabels
    found: Detections


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueBoxes:
    """Hold the T true boxes of all images."""

    images: Indices
    """Shape (T,): position of the image."""
    classes: Indices
    boxes: Floats
    """Shape (T, 4): left, top, right, bottom in pixels of the original."""
    crowd: npt.NDArray[np.bool_]
    areas: Floats
    """Shape (T,): square pixels of the objects."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundBoxes:
    """Hold the F found boxes of all images; those of an image stand together, best first."""

    images: Indices
    """Shape (F,): position of the image."""
    classes: Indices
    boxes: Floats
    """Shape (F, 4): left, top, right, bottom in pixels of the original, rounded to `DECIMALS`."""
    scores: Floats


@dataclass(frozen=True)
class Tables:
    """Hold everything that was gathered, image by image and flat."""

    records: tuple[ImageRecord, ...]
    classes: int
    """Number of classes."""

    @cached_property
    def true(self) -> TrueBoxes:
        """Return the true boxes of all images."""
        labels = [record.labels for record in self.records]
        return TrueBoxes(
            images=_positions(labels),
            classes=_joined([one.classes for one in labels], np.int64),
            boxes=_joined([one.boxes for one in labels], np.float64, 4),
            crowd=_joined([one.crowd for one in labels], np.bool_),
            areas=_joined([one.areas for one in labels], np.float64),
        )

    @cached_property
    def found(self) -> FoundBoxes:
        """Return the found boxes of all images."""
        found = [_best_first(record.found) for record in self.records]
        return FoundBoxes(
            images=_positions(found),
            classes=_joined([one.classes for one in found], np.int64),
            boxes=_joined([one.boxes for one in found], np.float64, 4).round(DECIMALS),
            scores=_joined([one.scores for one in found], np.float64),
        )

    @cached_property
    def image_ids(self) -> Indices:
        """Return the number of every image: the data set's own where each image has another one, else 1, 2, 3, ..."""
        own = np.array([record.labels.image_id for record in self.records], np.int64)
        return own if len(np.unique(own)) == len(own) else np.arange(1, len(own) + 1)

    @cached_property
    def category_ids(self) -> Indices:
        """Return the number of every class: the data set's own where it has one for each class, else 1, 2, 3, ..."""
        given = (record.labels.category_ids for record in self.records)
        own = next((ids for ids in given if len(set(ids)) == len(ids) == self.classes), None)
        return np.arange(1, self.classes + 1) if own is None else np.array(own, np.int64)

    def on_input(self, preprocessing: ImagePreprocessing, boxes: Floats, images: Indices) -> Floats:
        """Return boxes of shape (K, 4) in pixels of the model's input, cut at its borders."""
        places = [preprocessing.placement(*record.labels.size) for record in self.records]
        scale = np.array([(place.scale_x, place.scale_y) * 2 for place in places], np.float64).reshape(-1, 4)
        shift = np.array([(place.left, place.top) * 2 for place in places], np.float64).reshape(-1, 4)
        size = np.array((preprocessing.input.width, preprocessing.input.height) * 2, np.float64)
        return np.clip(boxes * scale[images] + shift[images], 0.0, size)


def _best_first(found: Detections) -> Detections:
    if (found.scores[1:] <= found.scores[:-1]).all():
        return found
    return found.chosen(np.argsort(-found.scores, kind="stable"))


def _positions(parts: Sequence[BoxLabels] | Sequence[Detections]) -> Indices:
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type[Kind], width: int | None = None) -> npt.NDArray[Kind]:
    """Return arrays of K numbers, or of K rows of `width` numbers, as one."""
    empty: npt.NDArray[Kind] = np.zeros((0,) if width is None else (0, width), kind)
    return np.concatenate([empty, *parts]).astype(kind, copy=False)
