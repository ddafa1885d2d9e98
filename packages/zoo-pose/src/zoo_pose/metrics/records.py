"""Own what an evaluation gathers: true and found poses of every image, as lists and as flat tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.pck import Reference, reference_lengths
from zoo_pose.metrics.similarity import PAIRS_AT_ONCE, AreaRule, areas_by_rule, pair_similarity
from zoo_pose.poses import Poses

DECIMALS = 3
"""Decimals of a pixel that found keypoints keep, in measures and result files alike."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageRecord:
    """Hold the labels of one image and what was found on it, both in pixels of the original."""

    labels: PoseLabels
    found: Poses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TruePoses:
    """Hold the T true poses of all images."""

    images: Indices
    """Shape (T,): position of the image."""
    points: Floats
    """Shape (T, K, 2): pixels of the original."""
    labelled: Mask
    """Shape (T, K)."""
    boxes: Floats
    """Shape (T, 4): left, top, right, bottom."""
    areas: Floats
    """Shape (T,): square pixels, by the rule of the evaluation."""
    references: Floats
    """Shape (T,): pixels that distances are measured by."""
    crowd: Mask

    @property
    def counted(self) -> Mask:
        """Return which poses are to be found: no crowds, and at least one labelled keypoint; shape (T,)."""
        return np.asarray(~self.crowd & self.labelled.any(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundPoses:
    """Hold the F found poses of all images; those of an image stand together, best first."""

    images: Indices
    """Shape (F,): position of the image."""
    points: Floats
    """Shape (F, K, 2): pixels of the original, rounded to `DECIMALS`."""
    confidences: Floats
    """Shape (F, K)."""
    scores: Floats
    """Shape (F,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Hold every pair of a found and a true pose of the same image: image by image, found by found, true by true."""

    found: Indices
    """Shape (N,): position among the found poses."""
    true: Indices
    """Shape (N,): position among the true poses."""
    similarity: Floats
    """Shape (N,)."""
    starts: Indices
    """Shape (images + 1,): where the pairs of each image begin."""

    def matrix(self, image: int, found: int, true: int) -> Floats:
        """Return the similarity of all found with all true poses of an image, whose numbers give the shape."""
        return self.similarity[self.starts[image] : self.starts[image + 1]].reshape(found, true)


@dataclass(frozen=True)
class Tables:
    """Hold everything that was gathered, image by image and flat."""

    records: tuple[ImageRecord, ...]
    sigmas: Floats
    """Shape (K,): spread of each keypoint."""
    area: AreaRule = "box"
    reference: Reference = "box"
    places: tuple[int, ...] = ()
    """Place of each record in the order in which they were given to `ordered`."""

    @classmethod
    def ordered(cls, records: Sequence[ImageRecord], sigmas: Sequence[float], **rules: str) -> Tables:
        """Return the tables of records in an order that does not depend on the process that saw them."""
        places = sorted(range(len(records)), key=lambda place: _place(records[place]))
        chosen = tuple(records[place] for place in places)
        return cls(chosen, np.array(sigmas, np.float64), places=tuple(places), **rules)  # type: ignore[arg-type]

    @property
    def keypoints(self) -> int:
        """Return the number of keypoints of a pose."""
        return len(self.sigmas)

    @cached_property
    def true(self) -> TruePoses:
        """Return the true poses of all images."""
        labels = [record.labels for record in self.records]
        return TruePoses(
            images=_positions(labels),
            points=_joined([one.points for one in labels], self.keypoints, 2),
            labelled=_joined([one.labelled for one in labels], self.keypoints).astype(np.bool_),
            boxes=_joined([one.boxes for one in labels], 4),
            areas=_joined([areas_by_rule(one, self.area) for one in labels]),
            references=_joined([reference_lengths(one, self.reference) for one in labels]),
            crowd=_joined([one.crowd for one in labels]).astype(np.bool_),
        )

    @cached_property
    def found(self) -> FoundPoses:
        """Return the found poses of all images."""
        found = [_best_first(record.found) for record in self.records]
        return FoundPoses(
            images=_positions(found),
            points=_joined([one.points for one in found], self.keypoints, 2).round(DECIMALS),
            confidences=_joined([one.confidences for one in found], self.keypoints),
            scores=_joined([one.scores for one in found]),
        )

    @cached_property
    def pairs(self) -> Pairs:
        """Return all pairs of found and true poses of the same image with their similarity."""
        true_counts = np.bincount(self.true.images, minlength=len(self.records))
        true_starts = np.r_[0, np.cumsum(true_counts)]
        rows = true_counts[self.found.images]
        found = np.repeat(np.arange(len(rows)), rows)
        ends = np.cumsum(rows)
        within = np.arange(len(found)) - np.repeat(ends - rows, rows)
        true = true_starts[self.found.images[found]] + within
        found_counts = np.bincount(self.found.images, minlength=len(self.records))
        starts = np.r_[0, np.cumsum(found_counts * true_counts)]
        return Pairs(found=found, true=true, similarity=self._similarity(found, true), starts=starts)

    def _similarity(self, found: Indices, true: Indices) -> Floats:
        parts = [np.zeros(0)]
        for start in range(0, len(found), PAIRS_AT_ONCE):
            ours, theirs = found[start : start + PAIRS_AT_ONCE], true[start : start + PAIRS_AT_ONCE]
            parts.append(
                pair_similarity(
                    self.found.points[ours],
                    self.true.points[theirs],
                    self.true.labelled[theirs],
                    self.true.areas[theirs],
                    self.sigmas,
                )
            )
        return np.concatenate(parts)

    @cached_property
    def image_ids(self) -> Indices:
        """Return the number of every image: the data set's own where each image has another one, else 1, 2, 3, ..."""
        own = np.array([record.labels.image_id for record in self.records], np.int64)
        return own if len(np.unique(own)) == len(own) else np.arange(1, len(own) + 1)


def _place(record: ImageRecord) -> tuple[int, int, int, bytes, bytes]:
    """Return what sorts records: the number of the image, then what is on it where numbers are not unique."""
    labels, found = record.labels, record.found
    return labels.image_id, labels.width, labels.height, labels.points.tobytes(), found.points.tobytes()


def _best_first(found: Poses) -> Poses:
    if (found.scores[1:] <= found.scores[:-1]).all():
        return found
    return found.chosen(np.argsort(-found.scores, kind="stable"))


def _positions(parts: Sequence[PoseLabels] | Sequence[Poses]) -> Indices:
    return np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _joined(parts: Sequence[npt.NDArray[np.generic]], *shape: int) -> Floats:
    """Return arrays of M numbers, or of M blocks of a shape, as one; empty arrays may have any shape."""
    filled = [part.astype(np.float64) for part in parts if len(part)]
    return np.concatenate([np.zeros((0, *shape)), *filled])
