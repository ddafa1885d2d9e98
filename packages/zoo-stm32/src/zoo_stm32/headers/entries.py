"""Own the entries that describe a model's outputs: what each must be, and what is wrong with one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[Any], bool]

PAIR = 2
LEVELS = 3
BOX = 4
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value) > 0


def _rows(width: int) -> Check:
    def check(value: Any) -> bool:
        return _list(value) and all(_list(row) and len(row) == width and all(map(_number, row)) for row in value)

    return check


def _levels(value: Any) -> bool:
    return _list(value) and len(value) == LEVELS and all(map(_rows(PAIR), value)) and len(set(map(len, value))) == 1


def _strides(value: Any) -> bool:
    return _list(value) and len(value) == LEVELS and all(map(_count, value))


def _edge(value: Any) -> bool:
    points = value[:PAIR]
    color = value[PAIR:]
    return (
        len(points) == PAIR
        and all(isinstance(point, int) and not isinstance(point, bool) and point >= 0 for point in points)
        and (
            not color or (len(color) == 1 and isinstance(color[0], str) and IDENTIFIER.fullmatch(color[0]) is not None)
        )
    )


def _edges(value: Any) -> bool:
    return _list(value) and all(_list(edge) and _edge(edge) for edge in value)


COUNT = (_count, "a whole number above 0")
SHARE = (_share, "a number from 0 to 1")
POSITIVE = (_positive, "a number above 0")
ENTRIES: Mapping[str, tuple[Check, str]] = {
    "confidence_threshold": SHARE,
    "iou_threshold": SHARE,
    "max_boxes": COUNT,
    "total_boxes": COUNT,
    "boxes_0": COUNT,
    "boxes_1": COUNT,
    "keypoints": COUNT,
    "features": COUNT,
    "grid_height": COUNT,
    "grid_width": COUNT,
    "heatmap_height": COUNT,
    "heatmap_width": COUNT,
    "xy_scale": POSITIVE,
    "wh_scale": POSITIVE,
    "xy_variance": POSITIVE,
    "wh_variance": POSITIVE,
    "strides": (_strides, "three whole numbers above 0"),
    "anchor_sizes": (_rows(PAIR), "a list of [width, height]"),
    "level_anchors": (_levels, "three lists, finest grid first, each of as many [width, height]"),
    "anchor_boxes": (_rows(BOX), "a list of four numbers each"),
    "anchors_0": (_rows(PAIR), "a list of [x, y]"),
    "anchors_1": (_rows(PAIR), "a list of [x, y]"),
    "bindings": (_edges, "a list of [keypoint, keypoint] or [keypoint, keypoint, name of a colour]"),
    "max_object_detect": COUNT,
    "max_object_tracking": COUNT,
    "score_threshold": SHARE,
    "lost_time_in_ms": COUNT,
    "start_tracking_conf_threshold": SHARE,
}
"""Entry -> its check and what it must be, in words."""


def problems(found: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str], prefix: str) -> list[str]:
    """Return every entry that is missing or not what it must be, each as a line."""
    lines = [f"{prefix}.{key}: missing, {ENTRIES[key][1]}" for key in needed if found.get(key) is None]
    for key in (*needed, *optional):
        check, expected = ENTRIES[key]
        value = found.get(key)
        if value is not None and not check(value):
            lines.append(f"{prefix}.{key}: expected {expected}, found {value!r:.60}")
    return lines
