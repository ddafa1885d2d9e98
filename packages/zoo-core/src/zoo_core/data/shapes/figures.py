"""Own what a figure is: coloured polygons in a frame of its own, whose longer side is 1."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Colour = tuple[int, int, int]

KINDS = ("circle", "square", "triangle", "star", "cross")
"""Figures of one outline."""
BLACK: Colour = (0, 0, 0)
CIRCLE_CORNERS = 48
STAR_TIPS = 5
UPWARDS = -np.pi / 2
RIMMED = 0.25
"""Share of figures with a rim of another shade."""
MOST_TURNED = 0.4
"""Largest turn of a figure from upright, in radians."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Hold one polygon of a figure."""

    outline: Points
    """Corners, shape (P, 2): x to the right, y downwards."""
    colour: Colour
    points: frozenset[int] = frozenset()
    """Keypoints that this part shows when nothing lies over it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Hold a figure: its parts in the order of drawing, and its keypoints."""

    kind: str
    parts: tuple[Part, ...]
    keypoints: Points | None = None
    """Shape (K, 2); a row of NaN where a point is not labelled."""

    def moved(self, scale: float, left: float, top: float) -> Figure:
        """Return the figure enlarged and then shifted."""
        shift = np.array([left, top])
        parts = tuple(replace(part, outline=part.outline * scale + shift) for part in self.parts)
        points = None if self.keypoints is None else self.keypoints * scale + shift
        return replace(self, parts=parts, keypoints=points)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of all outlines."""
        corners = np.concatenate([part.outline for part in self.parts])
        left, top = corners.min(axis=0)
        right, bottom = corners.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def framed(figure: Figure) -> Figure:
    """Return the figure with its left top corner at (0, 0) and a longer side of 1."""
    left, top, right, bottom = figure.extent
    scale = 1 / max(right - left, bottom - top)
    return figure.moved(scale, -left * scale, -top * scale)


def simple_figure(kind: str, draw: np.random.Generator) -> Figure:
    """Return a turned figure of one of `KINDS` in its frame, still black; some have a rim."""
    outline = _turned(_outline(kind, draw), draw.uniform(-MOST_TURNED, MOST_TURNED))
    scales = (1.0, draw.uniform(0.6, 0.8)) if draw.random() < RIMMED else (1.0,)
    parts = tuple(Part(outline=outline * scale, colour=BLACK) for scale in scales)
    return framed(Figure(kind=kind, parts=parts))


def coloured(figure: Figure, *colours: Colour) -> Figure:
    """Return a figure whose parts have these colours, in the order of drawing; spare colours are left over."""
    parts = zip(figure.parts, colours, strict=False)
    return replace(figure, parts=tuple(replace(part, colour=colour) for part, colour in parts))


def shaded(colour: Colour, change: float) -> Colour:
    """Return a colour made lighter, or darker by a negative change."""
    red, green, blue = (int(min(max(value + change, 0), 255)) for value in colour)
    return red, green, blue


def rounded(centres: npt.ArrayLike, radii: npt.ArrayLike, corners: int = 24) -> Points:
    """Return the convex outline around discs with centres of shape (N, 2) and radii of shape (N,).

    Its corners are the farthest points of all discs in evenly spread directions.
    """
    places, sizes, directions = np.asarray(centres, np.float64), np.asarray(radii, np.float64), _directions(corners)
    farthest = (places @ directions.T + sizes[:, None]).argmax(axis=0)
    return np.asarray(places[farthest] + sizes[farthest, None] * directions)


def _outline(kind: str, draw: np.random.Generator) -> Points:
    """Return the outline of a figure around (0, 0)."""
    if kind == "circle":
        return _directions(CIRCLE_CORNERS)
    if kind == "square":
        return np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    if kind == "triangle":
        return _turned(_directions(3), UPWARDS) * (1, draw.uniform(0.85, 1.15))
    if kind == "star":
        radii = np.where(np.arange(2 * STAR_TIPS) % 2, draw.uniform(0.38, 0.48), 1.0)
        return _turned(_directions(2 * STAR_TIPS) * radii[:, None], UPWARDS)
    arm = draw.uniform(0.26, 0.38)
    quarter = np.array([[arm, -1], [arm, -arm], [1, -arm]])
    return np.concatenate([_turned(quarter, turn * np.pi / 2) for turn in range(4)])


def _directions(count: int) -> Points:
    angles = np.arange(count) * (2 * np.pi / count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _turned(points: Points, angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))
