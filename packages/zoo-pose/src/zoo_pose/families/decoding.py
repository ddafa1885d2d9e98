"""Own the three ways from a heat map to the place of its keypoint, for many maps at once.

Tensor letters: B maps, H and W their height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

QUARTER = np.float32(0.25)
RADIUS = 3
"""Pixels on each side that smoothing looks at."""
SPREAD = 1.0
"""Standard deviation of the smoothing in pixels."""
FARTHEST = 1.0
"""Largest distance of a keypoint from the highest pixel of its map, in pixels, along each axis."""
LOWEST = np.float32(1e-10)
"""Smallest number that a logarithm is taken of."""
LEAST_STENCIL = 3
"""Pixels on a side of the smallest map that has a slope and a curvature."""


def highest_pixels(maps: Array) -> tuple[Places, Array]:
    """Return the first highest pixel of every map (B, H, W) as (column, row), shape (B, 2), and its value, (B,)."""
    flat = maps.reshape(len(maps), -1)
    best = flat.argmax(axis=1)
    rows, columns = np.divmod(best, maps.shape[2])
    return np.stack([columns, rows], axis=1), flat[np.arange(len(flat)), best]


def no_offsets(maps: Array, pixels: Places) -> Array:
    """Return 0 for every map: its keypoint lies in the middle of its highest pixel."""
    del maps
    return np.zeros(pixels.shape, np.float32)


def quarter_offsets(maps: Array, pixels: Places) -> Array:
    """Return a quarter of a pixel towards the higher neighbour, along each axis, shape (B, 2).

    A. Newell et al., "Stacked Hourglass Networks for Human Pose Estimation", 2016 (arXiv 1603.06937), section 3.3.
    """
    numbers, (columns, rows) = np.arange(len(maps)), pixels.T
    height, width = maps.shape[1:]
    right, left = np.minimum(columns + 1, width - 1), np.maximum(columns - 1, 0)
    below, above = np.minimum(rows + 1, height - 1), np.maximum(rows - 1, 0)
    across = maps[numbers, rows, right] - maps[numbers, rows, left]
    down = maps[numbers, below, columns] - maps[numbers, above, columns]
    inside = np.stack([(right - left) == 2, (below - above) == 2], axis=1)  # noqa: PLR2004 - both neighbours exist
    return np.where(inside, QUARTER * np.sign(np.stack([across, down], axis=1)), np.float32(0))


def dark_offsets(maps: Array, pixels: Places) -> Array:
    """Return the way from the highest pixel to the top of the hill around it, shape (B, 2).

    The map is smoothed, and a parabola laid through the logarithms of nine pixels; a hill whose logarithm is a
    parabola, as that of a Gaussian is, gives its top exactly. Where smoothing would reach over the border, the map is
    taken as it is. Without a hill, or with a top too far away, the highest pixel or what is next to it is the place.

    F. Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", 2020 (arXiv 1910.06278).
    """
    sides = np.array(maps.shape[:0:-1])  # width, height
    if sides.min() < LEAST_STENCIL:
        return no_offsets(maps, pixels)
    centres = np.clip(pixels, 1, sides - 2)
    deep = ((centres > RADIUS) & (centres < sides - 1 - RADIUS)).all(axis=1)
    nine = np.empty((len(maps), 3, 3), np.float32)
    nine[~deep] = _windows(maps, np.flatnonzero(~deep), centres, 1)
    filter_ = _smoothing()
    nine[deep] = filter_ @ _windows(maps, np.flatnonzero(deep), centres, 1 + RADIUS) @ filter_.T
    tops = _tops(np.log(np.maximum(nine, LOWEST)))
    offsets = np.where(np.isfinite(tops), centres + tops - pixels, 0.0)
    return np.clip(offsets, -FARTHEST, FARTHEST).astype(np.float32)


DECODINGS: Mapping[str, Callable[[Array, Places], Array]] = MappingProxyType(
    {"argmax": no_offsets, "quarter": quarter_offsets, "dark": dark_offsets}
)
"""By the names that `postprocessing.decoding` takes."""


def _windows(maps: Array, numbers: Places, centres: Places, radius: int) -> Array:
    """Return the pixels around the centres of some maps, shape (B, 2 radius + 1, 2 radius + 1)."""
    around = np.arange(-radius, radius + 1)
    columns, rows = (centres[numbers, axis, None] + around for axis in (0, 1))
    found: Array = maps[numbers[:, None, None], rows[:, :, None], columns[:, None, :]]
    return found


def _smoothing() -> Array:
    """Return the matrix that smooths a line of pixels at the three in its middle, shape (3, 3 + 2 RADIUS)."""
    distances = np.arange(-RADIUS - 1, RADIUS + 2) - np.arange(-1, 2)[:, None]
    weights = np.exp(-(distances**2) / (2 * SPREAD**2)) * (np.abs(distances) <= RADIUS)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _tops(nine: Array) -> Array:
    """Return the top of the parabola through 3x3 numbers around 0, shape (B, 2), x first; NaN where there is none."""
    across, down = (nine[:, 1, 2] - nine[:, 1, 0]) / 2, (nine[:, 2, 1] - nine[:, 0, 1]) / 2
    middle = 2 * nine[:, 1, 1]
    xx, yy = nine[:, 1, 2] + nine[:, 1, 0] - middle, nine[:, 2, 1] + nine[:, 0, 1] - middle
    xy = (nine[:, 2, 2] + nine[:, 0, 0] - nine[:, 2, 0] - nine[:, 0, 2]) / 4
    determinant = xx * yy - xy * xy
    is_hill = (xx < 0) & (determinant > 0)
    safe = np.where(is_hill, determinant, np.nan)
    return np.stack([(xy * down - yy * across) / safe, (xy * across - xx * down) / safe], axis=1)
