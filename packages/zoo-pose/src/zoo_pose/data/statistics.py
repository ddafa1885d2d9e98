"""Own what is measured on poses: how many, how large, which keypoints are labelled, and on which side they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.labels import LabelStatistics
from zoo_pose.data.table import PoseTable
from zoo_pose.skeletons import Skeleton

QUANTILES = {"smallest": 0.0, "tenth": 0.1, "median": 0.5, "nine_tenths": 0.9, "largest": 1.0}
RAREST = 5
"""Keypoints that the text for people names as the rarest."""


def pose_statistics(table: PoseTable, skeleton: Skeleton) -> LabelStatistics:
    """Return the statistics of poses that all have a box.

    Sizes are in pixels of the image as stored. `left_on_the_right` is, of poses with both labelled, the share whose
    left keypoint lies further to the right of the picture, as those of people who face the viewer do; shares that
    differ much between pairs of the same body point to keypoints that were mixed up.
    """
    usual = ~table.crowd
    boxes, labelled = table.boxes[usual], table.labelled[usual]
    sides = boxes[:, 2:] - boxes[:, :2]
    per_image, per_pose = table.per_image(usual), labelled.sum(axis=1)
    counts = labelled.sum(axis=0)
    flags = table.visible[usual]
    document: dict[str, Any] = {
        "images": len(table),
        "poses": int(usual.sum()),
        "crowds": int(table.crowd.sum()),
        "keypoints": dict(zip(skeleton.names, counts.tolist(), strict=True)),
        "labelled_keypoints": int(counts.sum()),
        "flags": {str(flag): int((flags == flag).sum()) for flag in (0, 1, 2)},
        "poses_per_image": _spread(per_image, ("smallest", "median", "largest")),
        "images_without_poses": int((per_image == 0).sum()),
        "keypoints_per_pose": _spread(per_pose, ("smallest", "median", "largest")),
        "poses_without_keypoints": int((per_pose == 0).sum()),
        "width": _spread(sides[:, 0]),
        "height": _spread(sides[:, 1]),
        "share_of_image": _spread(_shares(table, usual)),
        "left_on_the_right": _sides(table.points[usual], labelled, skeleton),
    }
    return LabelStatistics(document=document, lines=tuple(_lines(document)))


def _shares(table: PoseTable, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return the longer side of boxes as a share of that side of the image, in images of known size."""
    sizes = table.sizes[table.images[rows]].astype(np.float64)
    sides = (table.boxes[:, 2:] - table.boxes[:, :2])[rows]
    known = sizes.min(axis=1, initial=np.inf) > 0
    return np.asarray((sides[known] / sizes[known]).max(axis=1, initial=0.0))


def _sides(
    points: npt.NDArray[np.float64], labelled: npt.NDArray[np.bool_], skeleton: Skeleton
) -> dict[str, dict[str, float]]:
    found = {}
    for left, right in skeleton.pairs:
        both = labelled[:, left] & labelled[:, right]
        if both.any():
            share = (points[both, left, 0] > points[both, right, 0]).mean()
            found[skeleton.names[left]] = {"poses": int(both.sum()), "share": round(float(share), 6)}
    return found


def _spread(values: npt.NDArray[Any], names: tuple[str, ...] = tuple(QUANTILES)) -> dict[str, float]:
    if not len(values):
        return {}
    found = np.quantile(values, [QUANTILES[name] for name in names])
    return {name: round(float(value), 6) for name, value in zip(names, found, strict=True)}


def _lines(document: dict[str, Any]) -> list[str]:
    crowds = f" and {document['crowds']} crowds" if document["crowds"] else ""
    lines = [f"{document['poses']} poses{crowds} on {document['images']} images"]
    per_image, per_pose = document["poses_per_image"], document["keypoints_per_pose"]
    if per_image:
        lines.append(f"poses per image: {_ends(per_image)}; {document['images_without_poses']} images without")
    if not per_pose:
        return lines
    lines.append(
        f"labelled keypoints: {document['labelled_keypoints']}; {_ends(per_pose)} in a pose; "
        f"{document['poses_without_keypoints']} poses without"
    )
    for key, words in (("width", "width of boxes in pixels"), ("height", "height of boxes in pixels")):
        lines.append(f"{words}: {_range(document[key])}")
    if document["share_of_image"]:
        lines.append(f"longer side of boxes in shares of the image: {_range(document['share_of_image'])}")
    rare = sorted(document["keypoints"].items(), key=lambda item: item[1])[:RAREST]
    lines.append("labelled least often: " + ", ".join(f"{name} {count}" for name, count in rare))
    sides = document["left_on_the_right"]
    if sides:
        shares = ", ".join(f"{name} {100 * found['share']:.0f} %" for name, found in sides.items())
        lines.append(f"left keypoints to the right of their partner: {shares}")
    return lines


def _ends(spread: dict[str, float]) -> str:
    return f"{spread['smallest']:g} to {spread['largest']:g}, median {spread['median']:g}"


def _range(spread: dict[str, float]) -> str:
    middle = f"80 % between {spread['tenth']:.4g} and {spread['nine_tenths']:.4g}"
    return f"{spread['smallest']:.4g} to {spread['largest']:.4g}, median {spread['median']:.4g}, {middle}"
