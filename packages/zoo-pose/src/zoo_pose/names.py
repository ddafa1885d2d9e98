"""Own the names of the forms of outputs that pose estimators have."""

HEATMAPS_SPE, SPE, YOLO_MPE = "heatmaps_spe", "spe", "yolo_mpe"
"""Heat maps of one pose; keypoints of one pose; boxes with keypoints of many."""
HAND_SPE, HEAD_SPE = "hand_spe", "head_spe"
"""Landmarks of one hand, of one head."""
MODEL_TYPES = (HEATMAPS_SPE, SPE, YOLO_MPE, HAND_SPE, HEAD_SPE)
MULTIPLE = frozenset({YOLO_MPE})
"""Types that find several poses on an image."""
