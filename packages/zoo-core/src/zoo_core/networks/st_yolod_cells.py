"""Own the cells of ST_YOLOD's levels: where they are, and boxes as numbers relative to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

LARGEST_LOGARITHM = 15.0
"""Of a side in cells; keeps wild outputs finite."""
SMALLEST_SIDE = 1e-4
"""Of a box in cells, before its logarithm is taken."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Hold the A cells of all levels for one size of image, level by level, row by row."""

    places: torch.Tensor
    """Float32, shape (A, 2): column and row in the cell's own level."""
    strides: torch.Tensor
    """Float32, shape (A, 1): sides in pixels."""

    @classmethod
    def of(cls, size: tuple[int, int], strides: Sequence[int], device: torch.device | None = None) -> Cells:
        """Build those of images of `size` (height, width) in pixels, multiples of every stride."""
        places, sides = [], []
        for stride in strides:
            rows = torch.arange(size[0] // stride, device=device, dtype=torch.float32)
            columns = torch.arange(size[1] // stride, device=device, dtype=torch.float32)
            row, column = torch.meshgrid(rows, columns, indexing="ij")
            level = torch.stack((column, row), dim=-1).flatten(0, 1)
            places.append(level)
            sides.append(level.new_full((len(level), 1), stride))
        return cls(torch.cat(places), torch.cat(sides))

    def __len__(self) -> int:
        """Return the number of cells of all levels."""
        return len(self.places)

    @property
    def centres(self) -> torch.Tensor:
        """Return the middle of each cell in pixels, shape (A, 2)."""
        return (self.places + 0.5) * self.strides

    def decode(self, raw: torch.Tensor) -> torch.Tensor:
        """Turn raw boxes (..., A, 4) into left, top, right, bottom in pixels."""
        centre = (raw[..., :2] + self.places) * self.strides
        half = raw[..., 2:].clamp(max=LARGEST_LOGARITHM).exp() * (self.strides / 2)
        return torch.cat((centre - half, centre + half), dim=-1)

    def encode(self, boxes: torch.Tensor) -> torch.Tensor:
        """Turn left, top, right, bottom in pixels, shape (..., A, 4), into raw boxes."""
        centre = (boxes[..., :2] + boxes[..., 2:]) / (2 * self.strides) - self.places
        sides = (boxes[..., 2:] - boxes[..., :2]) / self.strides
        return torch.cat((centre, sides.clamp(min=SMALLEST_SIDE).log()), dim=-1)
