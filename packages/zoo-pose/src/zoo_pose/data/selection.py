"""Own the choice of images by their poses: those of one person, as models of one pose need them, or of any number."""

from __future__ import annotations

import numpy as np

from zoo_core.errors import DataError
from zoo_pose.data.table import PoseTable

SINGLE, MULTI = "single", "multi"
MEANING = {SINGLE: "do not show exactly one labelled pose", MULTI: "show no labelled pose"}


def select(table: PoseTable, pose: str | None, key: str, notes: list[str]) -> PoseTable:
    """Return the images that fit `dataset.pose`, and note how many do not.

    `single` takes images with exactly one annotation, which is no crowd and has a box and a labelled keypoint; `multi`
    takes images with at least one such annotation, whatever else they have.

    Raises:
        DataError: When no image is left.
    """
    if pose is None:
        return table
    keep = table.per_image(table.trained) > 0
    if pose == SINGLE:
        keep &= np.diff(table.starts) == 1
    left_out = int((~keep).sum())
    if not left_out:
        return table
    text = f"{key}: {left_out} of {len(table)} images {MEANING[pose]} and are left out (dataset.pose: {pose})."
    if not keep.any():
        raise DataError(text, hint="Remove dataset.pose, or check the annotations.")
    notes.append(text)
    return table.with_images(np.flatnonzero(keep).tolist())
