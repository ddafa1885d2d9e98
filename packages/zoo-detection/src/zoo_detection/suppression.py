"""Own the suppression of detections that show the same object."""

from __future__ import annotations

from zoo_core.inference.suppression import best_boxes
from zoo_detection.detections import Detections


def suppress(candidates: Detections, *, overlap: float, limit: int) -> Detections:
    """Return the best boxes, best first, that overlap no better one of their class by an IoU above `overlap`.

    Equal scores keep the order of the candidates; see `zoo_core.inference.suppression.best_boxes`.
    """
    kept = best_boxes(candidates.boxes, candidates.scores, candidates.classes, overlap=overlap, limit=limit)
    return candidates.chosen(kept)
