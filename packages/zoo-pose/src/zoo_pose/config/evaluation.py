"""Own the `evaluation` section of pose estimation: similarity and shares of right keypoints."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.limits import PositiveFloat
from zoo_core.config.sections import EvaluationSection


class PoseEvaluationSection(EvaluationSection):
    """Say how poses are compared with true ones."""

    area: Literal["box", "annotated"] = "box"
    """Area in the object keypoint similarity: 0.53 of the box, as ST takes it, or the area that COCO files state."""
    pck_threshold: PositiveFloat = 0.1
    """Distance up to which a keypoint is right, as a share of `pck_reference`."""
    pck_reference: Literal["box", "image"] = "box"
    """Length that the distance is measured by: the longer side of the pose's box, or of the image."""
