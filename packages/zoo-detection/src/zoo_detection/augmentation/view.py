"""Own which part of the plane around an image is seen: all of it, a larger canvas, or a part cut out.

The two changes are those that SSDs are trained with (Liu et al., "SSD", 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from zoo_core.data.augmentation.draws import draw, draw_whole
from zoo_detection.boxes import Boxes, overlaps
from zoo_detection.labels import BoxLabels

LEAST_IOUS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
"""Overlaps of which one is asked for; 0 leaves the choice free."""
ROUNDS = 3
"""Overlaps that are asked for, one after the other, before the image stays whole."""
CANDIDATES = 50
"""Parts that are drawn for each overlap."""
SIDES = (0.3, 1.0)
"""Range of the sides of a part, in sides of what was seen before."""
LARGEST_RATIO = 2.0
"""Largest proportion between the two sides of a part, in these shares."""


@dataclass(frozen=True, slots=True)
class View:
    """Hold a rectangle in pixels of an image; it may reach over the image's borders."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def whole(cls, labels: BoxLabels) -> View:
        """Return the view of exactly the image."""
        return cls(0, 0, labels.width, labels.height)

    def seen(self, labels: BoxLabels) -> BoxLabels:
        """Return the boxes whose centre is in the view."""
        ends = [self.left, self.top, self.left + self.width, self.top + self.height]
        return labels.chosen(centred(labels.boxes, np.array([ends], np.float64))[0])


def expanded(view: View, largest: float) -> View:
    """Return a view around another one, with sides of 1 to `largest` times as much and the same proportion."""
    ratio = draw((1.0, largest))
    width, height = round(view.width * ratio), round(view.height * ratio)
    left = view.left - draw_whole((0, width - view.width))
    return View(left, view.top - draw_whole((0, height - view.height)), width, height)


def cropped(view: View, labels: BoxLabels) -> View:
    """Return a part of a view whose overlap with some box is at least a drawn one, and that holds a box's centre.

    The whole view is returned when there are no boxes but crowds, or no such part is found.
    """
    boxes = labels.boxes[labels.trained]
    for _ in range(ROUNDS if len(boxes) else 0):
        least = LEAST_IOUS[draw_whole((0, len(LEAST_IOUS) - 1))]
        parts = _parts(view)
        fits = (overlaps(parts, boxes).max(axis=1) >= least) & centred(boxes, parts).any(axis=1)
        if fits.any():
            left, top, right, bottom = (int(value) for value in parts[int(fits.argmax())])
            return View(left, top, right - left, bottom - top)
    return view


def centred(boxes: Boxes, parts: Boxes) -> npt.NDArray[np.bool_]:
    """Tell which of M boxes have their centre in which of K parts, shape (K, M)."""
    centres = (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
    return np.asarray(((centres > parts[:, None, :2]) & (centres < parts[:, None, 2:])).all(axis=-1))


def _parts(view: View) -> Boxes:
    """Draw whole-numbered parts of a view, shape (K, 4); those that are too long or too narrow are left out."""
    numbers = torch.rand(CANDIDATES, 4, dtype=torch.float64).numpy()
    shares = SIDES[0] + (SIDES[1] - SIDES[0]) * numbers[:, :2]
    proportions = shares[:, 0] / shares[:, 1]
    kept = (proportions >= 1 / LARGEST_RATIO) & (proportions <= LARGEST_RATIO)
    whole = np.array([view.width, view.height])
    sides = np.maximum(1, np.floor(shares[kept] * whole))
    corners = np.array([view.left, view.top]) + np.floor(numbers[kept, 2:] * (whole - sides + 1))
    return np.asarray(np.concatenate([corners, corners + sides], axis=1))
