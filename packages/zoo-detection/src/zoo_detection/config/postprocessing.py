"""Own the `postprocessing` section: from boxes with scores to what counts as found."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zoo_core.config.section import Section
from zoo_core.config.sections import PositiveInt, Probability

EVALUATION_CONFIDENCE = 0.001
SHOWN_CONFIDENCE = 0.5


class PostprocessingSection(Section):
    """Say which boxes count as found, and how they are compared with the true ones."""

    confidence_thresh: Probability | None = None
    """Smallest score of a box; when absent 0.001 for evaluation and 0.5 for predictions and devices."""
    NMS_thresh: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Overlap (IoU) from which on the weaker of two boxes of a class is dropped."""
    IoU_eval_thresh: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Overlap (IoU) from which on a box counts as found, for curves, the confusion matrix and ST's own precision."""
    max_detection_boxes: PositiveInt = 100
    """Boxes of an image that are kept, the best ones."""
    plot_metrics: bool = False
    """Draw precision-recall curves, F1 over confidence and the confusion matrix."""
    yolo_anchors: tuple[float, ...] | None = None
    """Widths and heights of anchors in turn: in cells for `yolov2t`, in shares of the input for `st_yoloxn`."""
