"""Own the names of the families of detectors, as `model.model_type` gives them."""

from __future__ import annotations

SSD = "ssd"
YOLOD = "st_yolod"
MODEL_TYPES = (
    YOLOD,
    SSD,
    "yolov8",
    "yolov8n",
    "yolov11n",
    "yolov5u",
    "st_yolox",
    "st_yoloxn",
    "yolov2",
    "yolov2t",
    "tiny_yolo_v2",
    "st_yololcv1",
    "st_yolo_lc_v1",
)
"""Families and the other names that users know them by."""
