"""Own making ST's 13 keypoints of COCO's 17: one point for the head in place of nose, eyes and ears."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zoo_pose.data.table import PoseTable
from zoo_pose.skeletons import FACE, known


def with_one_head(table: PoseTable) -> PoseTable:
    """Return poses of 17 keypoints as poses of 13, whose first is the mean of the labelled points of the face.

    The head is labelled where one of the five is, and visible where one of them is.
    """
    face = slice(0, len(FACE))
    labelled = table.labelled[:, face]
    counts = labelled.sum(axis=1)
    sums = (table.points[:, face] * labelled[..., None]).sum(axis=1)
    head = sums / np.maximum(counts, 1)[:, None]
    return replace(
        table,
        points=np.concatenate([head[:, None], table.points[:, len(FACE) :]], axis=1),
        visible=np.concatenate([table.visible[:, face].max(axis=1)[:, None], table.visible[:, len(FACE) :]], axis=1),
        names=known(13).names,
        links=(),
    )
