"""Own the `postprocessing` section of pose estimation: from outputs to poses."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.limits import Fraction, PositiveInt, Probability
from zoo_core.config.section import Section


class PosePostprocessingSection(Section):
    """Say which poses and keypoints count as found."""

    confidence_thresh: Probability | None = None
    """Smallest score of a pose; 0.001 in evaluation and 0.5 in prediction when absent."""
    kpts_conf_thresh: Probability = 0.15
    """Smallest confidence of a keypoint that is drawn."""
    NMS_thresh: Probability = 0.5
    """IoU of boxes above which the weaker of two poses is dropped."""
    IoU_eval_thresh: Fraction = 0.5
    """Accepted for ST's files: the similarity from which on a pose counts as found in precision curves."""
    max_detection_boxes: PositiveInt = 20
    """Largest number of poses on an image."""
    plot_metrics: bool = False
    """Draw curves of precision and recall."""
    decoding: Literal["argmax", "quarter", "dark"] = "dark"
    """Place of a keypoint on its heat map: the highest pixel, that moved a quarter towards the higher neighbour, or
    the top of the hill that fits best (Zhang et al., 2020)."""
