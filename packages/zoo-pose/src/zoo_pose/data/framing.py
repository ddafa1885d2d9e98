"""Own the box around labelled keypoints, for annotations that have none."""

from __future__ import annotations

from collections.abc import Sequence

MARGIN = 0.1
"""Share of the length of a side that is added to it, half at each end."""
SHORTEST = 1.0
"""Pixels of the shortest side of a box."""
EACH = 3


def framed(keypoints: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the box around labelled keypoints, longer by a tenth and cut at the border of the image.

    Args:
        keypoints: x, y, visibility of each keypoint after the other.
        size: (width, height) of the image in pixels; zeros when it is not known.

    Returns:
        Left, top, right, bottom in pixels, a pixel apart at least; zeros when nothing is labelled.
    """
    labelled = [place for place in range(0, len(keypoints), EACH) if keypoints[place + 2] > 0]
    if not labelled:
        return (0.0, 0.0, 0.0, 0.0)
    low, high = [], []
    for axis, limit in enumerate(size):
        values = [keypoints[place + axis] for place in labelled]
        side = max((1 + MARGIN) * (max(values) - min(values)), SHORTEST)
        middle = (max(values) + min(values)) / 2
        start, end = middle - side / 2, middle + side / 2
        if limit > 0:
            start = min(max(start, 0.0), limit - SHORTEST)
            end = max(min(end, float(limit)), start + SHORTEST)
        low.append(start)
        high.append(end)
    return (low[0], low[1], high[0], high[1])
