"""Own the object keypoint similarity of found and true poses.

Lin et al. 2014, "Microsoft COCO: Common Objects in Context": 1 for a keypoint at its true place, falling as a Gaussian
whose width grows with the size of the person and with the spread `sigma` of the keypoint.

Everything is measured in pixels of the originals, as COCO does. ST's services divide x by the width and y by the height
of the image first; that gives the same numbers on square images only, since on others the two directions then weigh
differently.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo_pose.labels import PoseLabels

AREA_OF_BOX = 0.53
"""Share of a box that a person covers, by ST's rule."""
PAIRS_AT_ONCE = 1 << 15
"""Pairs that are compared in one step, which bounds the memory."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
AreaRule = Literal["box", "annotated"]


def box_areas(boxes: Floats) -> Floats:
    """Return 0.53 of the areas of boxes of shape (M, 4), in square pixels."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    return np.asarray(AREA_OF_BOX * sides[:, 0] * sides[:, 1])


def areas_by_rule(labels: PoseLabels, rule: AreaRule) -> Floats:
    """Return the area of each pose of an image in square pixels, shape (M,)."""
    return box_areas(labels.boxes) if rule == "box" else labels.areas


def similarity_terms(found: Floats, true: Floats, areas: Floats, sigmas: Floats) -> Floats:
    """Return the similarity of each keypoint, 0 to 1.

    Args:
        found: Pixels, shape (..., K, 2).
        true: The same; dimensions before the last two broadcast.
        areas: Square pixels of the true poses, shape (...).
        sigmas: Spread of each keypoint, shape (K,).

    Returns:
        Shape (..., K).
    """
    offsets = found - true
    squares = offsets[..., 0] ** 2 + offsets[..., 1] ** 2
    return closeness(squares, areas, sigmas)


def closeness(squares: Floats, areas: Floats, sigmas: Floats) -> Floats:
    """Return the similarity for squared distances of shape (..., K); an area of 0 allows no distance at all."""
    widths = 2.0 * np.multiply.outer(areas + np.spacing(1.0), (2.0 * sigmas) ** 2)
    return np.asarray(np.exp(-squares / widths))


def mean_of_labelled(terms: Floats, labelled: Mask) -> Floats:
    """Return the mean over the labelled keypoints of the last dimension; 0 where none is labelled."""
    counts = labelled.sum(axis=-1)
    return np.asarray((terms * labelled).sum(axis=-1) / np.maximum(counts, 1))


def pair_similarity(found: Floats, true: Floats, labelled: Mask, areas: Floats, sigmas: Floats) -> Floats:
    """Return the similarity of N pairs of poses.

    Args:
        found: Pixels, shape (N, K, 2).
        true: Pixels, shape (N, K, 2).
        labelled: Which true keypoints count, shape (N, K).
        areas: Square pixels of the true poses, shape (N,).
        sigmas: Spread of each keypoint, shape (K,).

    Returns:
        Shape (N,); 0 for true poses without labelled keypoints.
    """
    return mean_of_labelled(similarity_terms(found, true, areas, sigmas), labelled)


def similarity_matrix(found: Floats, true: Floats, labelled: Mask, areas: Floats, sigmas: Floats) -> Floats:
    """Return the similarity of P found with M true poses, shape (P, M).

    Args:
        found: Pixels, shape (P, K, 2).
        true: Pixels, shape (M, K, 2).
        labelled: Which true keypoints count, shape (M, K).
        areas: Square pixels of the true poses, shape (M,).
        sigmas: Spread of each keypoint, shape (K,).
    """
    return pair_similarity(found[:, None], true[None], labelled[None], areas[None], sigmas)
