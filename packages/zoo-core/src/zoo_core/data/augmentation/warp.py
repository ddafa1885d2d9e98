"""Own the carrying of images, masks, boxes and keypoints to where a matrix says.

A matrix has shape (3, 3) and takes a point (x, y, 1) of the sample, in pixels, to where it goes; pixel i reaches from
i to i + 1. `KeyPoints` count from the middle of pixel 0, as in torchvision's flips; `BoundingBoxes` from its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as transforms

PADDING_MODES = {"reflect": "reflection", "nearest": "border", "constant": "zeros", "wrap": "zeros"}
"""ST's fill modes -> those of `grid_sample`; `wrap` is made by hand before."""
MIDDLE = 0.5
XYXY = tv_tensors.BoundingBoxFormat.XYXY


@dataclass(frozen=True, slots=True)
class Filling:
    """State what stands outside an image, and between its pixels."""

    mode: str = "reflect"
    interpolation: str = "bilinear"
    value: float = 0.0


def warp_image(image: torch.Tensor, matrix: torch.Tensor, filling: Filling) -> torch.Tensor:
    """Return an image of the same shape (C, H, W), with values in [0, 1]."""
    if (mirrored := _mirrored_axes(matrix, image)) is not None:
        return image.flip(mirrored)
    grid = _grid(matrix, image)
    if filling.mode == "wrap":
        image, grid = _continued(image, grid)
    base = filling.value if filling.mode == "constant" else 0.0
    sampled = functional.grid_sample(
        image[None] - base if base else image[None],
        grid,
        mode=filling.interpolation,
        padding_mode=PADDING_MODES[filling.mode],
        align_corners=False,
    )
    return (sampled[0] + base).clamp(0.0, 1.0)


def warp_mask(mask: torch.Tensor, matrix: torch.Tensor, filling: Filling) -> torch.Tensor:
    """Return a mask of the same shape (..., H, W) and type; each pixel is one of the old ones, or 0 from outside."""
    layers = mask.reshape(-1, *mask.shape[-2:])
    if (mirrored := _mirrored_axes(matrix, layers)) is not None:
        return layers.flip(mirrored).reshape(mask.shape)
    values, grid = layers.double(), _grid(matrix, layers).double()
    if filling.mode == "wrap":
        values, grid = _continued(values, grid)
    padding = PADDING_MODES[filling.mode]
    sampled = functional.grid_sample(values[None], grid, mode="nearest", padding_mode=padding, align_corners=False)
    return sampled[0].to(mask.dtype).reshape(mask.shape)


def warp_boxes(boxes: tv_tensors.BoundingBoxes, matrix: torch.Tensor) -> tv_tensors.BoundingBoxes:
    """Return the smallest upright boxes around the moved corners, cut off at the canvas; some may be empty.

    Raises:
        TypeError: When the boxes are of a format that is not upright.
    """
    if tv_tensors.is_rotated_bounding_format(boxes.format):
        msg = f"boxes of the format {boxes.format.name} cannot be warped; give upright ones"
        raise TypeError(msg)
    upright = transforms.convert_bounding_box_format(boxes.as_subclass(torch.Tensor), boxes.format, XYXY).double()
    corners = upright[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))
    moved = _move(corners, matrix)
    ends = torch.cat([moved.amin(-2), moved.amax(-2)], -1)
    height, width = boxes.canvas_size
    ends = ends.clamp(torch.zeros(4, dtype=ends.dtype), torch.tensor([width, height] * 2, dtype=ends.dtype))
    if not boxes.is_floating_point():
        ends = ends.round()
    found = transforms.convert_bounding_box_format(ends, XYXY, boxes.format)
    return tv_tensors.wrap(found.to(boxes.dtype), like=boxes)


def warp_keypoints(
    points: tv_tensors.KeyPoints, matrix: torch.Tensor, partners: Sequence[int] | None = None
) -> tv_tensors.KeyPoints:
    """Return the moved points, also those that have left the canvas.

    Args:
        points: Shape (..., K, 2), or (..., 2) without `partners`.
        matrix: Where points go.
        partners: For each of the K points the one that takes its name in a mirror: left and right change places
            when the image is mirrored.
    """
    plain = points.as_subclass(torch.Tensor)
    moved = _move(plain.double() + MIDDLE, matrix) - MIDDLE
    if partners is not None and torch.linalg.det(matrix) < 0:
        moved = moved[..., list(partners), :]
    return tv_tensors.wrap(moved.to(points.dtype), like=points)


def _move(points: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _mirrored_axes(matrix: torch.Tensor, image: torch.Tensor) -> list[int] | None:
    """Return the axes that a matrix mirrors when it does nothing else, so that no pixel need be computed."""
    height, width = image.shape[-2:]
    columns, rows = bool(matrix[0, 0] < 0), bool(matrix[1, 1] < 0)
    plain = torch.tensor(
        [[-1 if columns else 1, 0, width * columns], [0, -1 if rows else 1, height * rows], [0, 0, 1]],
        dtype=matrix.dtype,
    )
    return [axis for axis, on in ((-1, columns), (-2, rows)) if on] if torch.equal(matrix, plain) else None


def _grid(matrix: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """Return where each pixel comes from, for `grid_sample`: shape (1, H, W, 2), both axes from -1 to 1."""
    height, width = image.shape[-2:]
    to_pixels = torch.tensor([[width / 2, 0, width / 2], [0, height / 2, height / 2], [0, 0, 1]], dtype=matrix.dtype)
    theta = torch.linalg.inv(to_pixels) @ torch.linalg.inv(matrix) @ to_pixels
    return functional.affine_grid(theta[None, :2].float(), [1, 1, height, width], align_corners=False)


def _continued(image: torch.Tensor, grid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Lead every point back into the image, and put one pixel of the other side around it."""
    size = torch.tensor(image.shape[-2:][::-1], dtype=grid.dtype)
    places = torch.remainder(grid + 1.0, 2.0) / 2.0 * size + 1.0
    around = functional.pad(image[None], (1, 1, 1, 1), mode="circular")[0]
    return around, places / (size + 2.0) * 2.0 - 1.0
