"""Own the prior boxes of SSD for any input: where they lie, how large they are, in which order they come.

W. Liu et al., "SSD: Single Shot MultiBox Detector", 2016 (arXiv 1512.02325), with the shares of the image that
detectors on MobileNets use at 300 pixels: sides of 60, 105, ..., 330 pixels there. Other inputs have the same shares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec

MapSize = tuple[int, int]
"""Height and width of a feature map, in cells."""

CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2
"""Factors between what a network gives and the shift and scale of a prior box."""
MAPS = 6
PER_CELL = 6
SMALLEST_SHARE = 0.2
SHARE_STEP = 0.15
RATIOS = (2.0, 3.0)
"""Width over height of the long boxes; each also stands upright."""
FIRST_STRIDE = 16
"""Pixels between the cells of the first map of all MobileNet detectors."""
EXACT_MAPS = 3
"""Maps whose cells lie a whole stride apart; those of the smaller ones are spread evenly over the image."""


def halved_maps(input: InputSpec, first_stride: int = FIRST_STRIDE) -> tuple[MapSize, ...]:
    """Return the sizes of the six maps of a network that halves its maps and rounds up, as all MobileNets do.

    Args:
        input: Size of the network's input.
        first_stride: Pixels between the cells of the first map, a power of two.
    """
    size = (_ceil(input.height, first_stride), _ceil(input.width, first_stride))
    return extended_maps((size, (_ceil(size[0], 2), _ceil(size[1], 2))))


def extended_maps(features: Sequence[MapSize]) -> tuple[MapSize, ...]:
    """Return the sizes of all maps, from those of the backbone's: every further one is half as large, rounded up."""
    maps = list(features)
    while len(maps) < MAPS:
        height, width = maps[-1]
        maps.append((_ceil(height, 2), _ceil(width, 2)))
    return tuple(maps)


def make_priors(
    maps: Sequence[MapSize], input: InputSpec, strides: tuple[int, int] = (FIRST_STRIDE, 2 * FIRST_STRIDE)
) -> npt.NDArray[np.float32]:
    """Return the prior boxes of all maps, cell after cell, row by row.

    A cell has six: a small square, a larger one, and long boxes of 2:1, 1:2, 3:1 and 1:3 with the area of the small
    one. "Square" holds in pixels; where the input is not square, sides are shares of its geometric mean.

    Args:
        maps: Sizes of the six feature maps.
        input: Size of the network's input.
        strides: Pixels between the cells of the two maps of the backbone.

    Returns:
        Shape (A, 4): centre x, centre y, width, height in shares of the image, cut to 0..1.
    """
    shares = [SMALLEST_SHARE + SHARE_STEP * number for number in range(len(maps) + 1)]
    steps = (*strides, 2 * strides[1])
    grids = [
        _of_map(size, input, steps[number] if number < EXACT_MAPS else None, sides)
        for number, (size, sides) in enumerate(zip(maps, pairwise(shares), strict=True))
    ]
    return np.clip(np.concatenate(grids), 0.0, 1.0).astype(np.float32)


def _of_map(size: MapSize, input: InputSpec, stride: int | None, sides: tuple[float, float]) -> npt.NDArray[np.float64]:
    rows, columns = size
    step_y, step_x = (input.height / rows, input.width / columns) if stride is None else (stride, stride)
    centre_y = (np.arange(rows) + 0.5) * step_y / input.height
    centre_x = (np.arange(columns) + 0.5) * step_x / input.width
    priors = np.empty((rows, columns, PER_CELL, 4))
    priors[..., 0] = centre_x[None, :, None]
    priors[..., 1] = centre_y[:, None, None]
    priors[..., 2:] = _shapes(sides, input)
    return priors.reshape(-1, 4)


def _shapes(sides: tuple[float, float], input: InputSpec) -> npt.NDArray[np.float64]:
    """Return width and height of the boxes of a cell in shares of the image, shape (6, 2)."""
    small, next_small = sides
    mean = math.sqrt(input.height * input.width)
    shapes = [(small, small), (math.sqrt(small * next_small),) * 2]
    for ratio in RATIOS:
        root = math.sqrt(ratio)
        shapes += [(small * root, small / root), (small / root, small * root)]
    shares: npt.NDArray[np.float64] = np.array(shapes) * mean / np.array([input.width, input.height])
    return shares


def _ceil(size: int, step: int) -> int:
    return -(-size // step)
