"""Own the percentage of correct keypoints: those whose distance is a small share of a reference length.

Yang and Ramanan 2013, "Articulated Human Detection with Flexible Mixtures of Parts", with the longer side of the
person's box as the reference; here the longer side of the image may stand in its place.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from zoo_pose.labels import PoseLabels

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Reference = Literal["box", "image"]


def reference_lengths(labels: PoseLabels, reference: Reference) -> Floats:
    """Return the longer side of each pose's box, or of the image, in pixels, shape (M,)."""
    if reference == "image":
        return np.full(len(labels), float(max(labels.size)))
    return np.asarray((labels.boxes[:, 2:] - labels.boxes[:, :2]).max(axis=1, initial=0.0))


def distances(found: Floats, true: Floats) -> Floats:
    """Return the distances between keypoints of shape (..., K, 2) in pixels, shape (..., K)."""
    return np.asarray(np.hypot(found[..., 0] - true[..., 0], found[..., 1] - true[..., 1]))


def right_keypoints(lengths: Floats, references: Floats, threshold: float) -> Mask:
    """Tell which keypoints are right: at most `threshold` times the reference away.

    Args:
        lengths: Distances in pixels, shape (N, K); infinite where nothing was found.
        references: Reference lengths in pixels, shape (N,).
        threshold: Share of the reference.
    """
    return np.asarray(lengths <= threshold * references[:, None])


def share_right(right: Mask, labelled: Mask) -> float:
    """Return the share of right ones among all labelled keypoints; 0 without any."""
    return float((right & labelled).sum() / max(int(labelled.sum()), 1))


def share_right_by_keypoint(right: Mask, labelled: Mask) -> Floats:
    """Return the share of right ones among the labelled ones of each keypoint, shape (K,); 0 without any."""
    return np.asarray((right & labelled).sum(axis=0) / np.maximum(labelled.sum(axis=0), 1))


def share_right_by_threshold(lengths: Floats, references: Floats, labelled: Mask, thresholds: Floats) -> Floats:
    """Return the share of right keypoints at each of T thresholds, overall and of each keypoint.

    Returns:
        Shape (K + 1, T): the first row is that of all keypoints together.
    """
    rows = []
    for threshold in thresholds.tolist():
        right = right_keypoints(lengths, references, threshold)
        rows.append([share_right(right, labelled), *share_right_by_keypoint(right, labelled).tolist()])
    return np.array(rows, np.float64).reshape(len(thresholds), -1).T
