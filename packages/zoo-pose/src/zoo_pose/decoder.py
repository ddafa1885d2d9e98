"""Own the reading of a pose estimator's outputs: poses with scores, and the picture that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.drawing import draw_poses
from zoo_pose.labels import PoseLabels
from zoo_pose.metrics.coco_results import image_numbers, result_row
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing

if TYPE_CHECKING:
    from zoo_pose.skeletons import Skeleton

SCORE_DECIMALS = 6
PIXEL_DECIMALS = 2


class PoseDecoder:
    """Turn the outputs of a pose estimator into one record per image."""

    def __init__(
        self,
        postprocessing: PosePostProcessing,
        preprocessing: ImagePreprocessing,
        skeleton: Skeleton,
        *,
        keypoint_confidence: float,
    ) -> None:
        """Take the smallest confidence of a keypoint that is drawn too; records hold all keypoints."""
        self.postprocessing = postprocessing
        self.preprocessing = preprocessing
        self.skeleton = skeleton
        self.keypoint_confidence = keypoint_confidence

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return what was found on each image, best first, in pixels of the originals.

        Raises:
            UserError: When the outputs do not have the form that the family reads.
        """
        found = self.postprocessing.on_originals(outputs, sizes, self.preprocessing)
        return [_record(one, size) for one, size in zip(found, sizes, strict=True)]

    def draw(self, image: Image.Image, record: Mapping[str, Any]) -> Image.Image:
        """Return a copy of the image with the skeleton of each pose, and its box and score where the model has boxes.

        Keypoints below the smallest confidence are left out, with the lines to them.
        """
        found = record["poses"]
        keypoints = np.array([one["keypoints"] for one in found], np.float64).reshape(-1, self.skeleton.keypoints, 3)
        boxed = [one for one in found if one["box"] is not None]
        return draw_poses(
            image,
            keypoints[..., :2],
            keypoints[..., 2] >= self.keypoint_confidence,
            self.skeleton,
            boxes=[one["box"] for one in boxed],
            labels=[f"{100 * one['score']:.0f} %" for one in boxed],
        )

    def sentence(self, record: Mapping[str, Any], target: PoseLabels) -> str:
        """Return how many poses were found, and how many are labelled."""
        labelled = int(np.count_nonzero(~target.crowd & target.labelled.any(axis=1)))
        found = record["count"]
        return f"found {found} {'pose' if found == 1 else 'poses'}, {labelled} labelled"

    def describe(self) -> dict[str, Any]:
        """Return the description of the outputs for an exported model.

        The `confidence_threshold` of models of one pose is that of keypoints, since their pose is always there.
        """
        described = {
            "type": "pose",
            "keypoints": self.skeleton.keypoints,
            "keypoint_names": list(self.skeleton.names),
            "keypoint_threshold": self.keypoint_confidence,
            **self.postprocessing.describe(),
        }
        if self.skeleton.links:
            described["bindings"] = [list(link) for link in self.skeleton.links]
        if not self.postprocessing.family.multiple:
            described["confidence_threshold"] = self.keypoint_confidence
        return described

    def results(self, records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows of COCO's result format for records, with the file name of each image in every row.

        The number of an image is that of its file name, such as 139 for `000000000139.jpg`; images whose names are no
        numbers, or that of an image before, get the next one that is free.
        """
        rows = []
        for image_id, record, name in zip(image_numbers(names), records, names, strict=True):
            for one in record["poses"]:
                points = [point[:2] for point in one["keypoints"]]
                confidences = [point[2] for point in one["keypoints"]]
                row = result_row(image_id, points, confidences, one["score"])
                rows.append({**row, "file_name": Path(name).name})
        return rows


def _record(found: Poses, size: tuple[int, int]) -> dict[str, Any]:
    points = np.round(found.points.astype(np.float64), PIXEL_DECIMALS)
    confidences = np.round(found.confidences.astype(np.float64), SCORE_DECIMALS)
    keypoints = np.concatenate([points, confidences[..., None]], axis=2).tolist()
    none = [None] * len(found)
    boxes = none if found.boxes is None else np.round(found.boxes.astype(np.float64), PIXEL_DECIMALS).tolist()
    poses = [
        {"score": round(score, SCORE_DECIMALS), "box": box, "keypoints": rows}
        for score, box, rows in zip(found.scores.tolist(), boxes, keypoints, strict=True)
    ]
    return {"poses": poses, "count": len(poses), "width": size[0], "height": size[1]}
