"""Own pictures of several figures: where they are, how they overlap, and what of them is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from zoo_core.data.shapes.backgrounds import Backdrop, background, grained
from zoo_core.data.shapes.canvas import ZOOM, Mask, Trace, covers, paint, trace
from zoo_core.data.shapes.figures import BLACK, KINDS, Colour, Figure, coloured, shaded, simple_figure
from zoo_core.data.shapes.people import PERSON, Look, person

CLASSES = (PERSON, *KINDS)
PERSONS = 0.25
"""Share of persons among the figures."""
MOST_FIGURES = 5
SMALLEST, SMALLEST_PERSON, LARGEST = 1 / 8, 1 / 4, 1 / 2
"""Longer side of a figure, in sides of the picture."""
MOST_OVERLAP = 0.3
"""IoU of two boxes stays below."""
LEAST_SEEN = 0.75
"""Share of its pixels that every figure shows."""
ATTEMPTS = 30
LEAST_CONTRAST = 120.0
"""Distance in RGB between a figure and what is behind it."""
MARGIN = 1.0
"""Pixels that stay free at the border, so that rounding pushes nothing out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Hold a figure where it stands on a picture, in pixels."""

    figure: Figure
    trace: Trace
    visibility: tuple[int, ...] = ()
    """COCO's flag of every keypoint: 0 not labelled, 1 labelled and hidden, 2 visible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Hold a finished picture in RGB and its figures, in the order of drawing."""

    picture: Image.Image
    placed: tuple[Placed, ...]


class Stage:
    """Place one figure after the other on a background, each over those before it."""

    def __init__(self, width: int, height: int, place: Backdrop, draw: np.random.Generator) -> None:
        self.width, self.height = width, height
        self._place, self._draw = place, draw
        self._canvas = background(place, width, height, draw)
        self._pen = ImageDraw.Draw(self._canvas)
        self._placed: list[tuple[Figure, Trace]] = []
        self._seen: list[Mask] = []

    def free(self, box: Sequence[float]) -> bool:
        """Tell whether a box overlaps the others little."""
        return all(overlap(box, other.box) < MOST_OVERLAP for _, other in self._placed)

    def fits(self, found: Trace) -> bool:
        """Tell whether a figure may stand there: boxes overlap little, and enough of every figure stays seen."""
        left = zip(self._placed, self._seen, strict=True)
        return self.free(found.box) and all(
            (seen & ~found.mask).sum() >= LEAST_SEEN * other.mask.sum() for (_, other), seen in left
        )

    def behind(self, found: Trace) -> tuple[float, float, float]:
        """Return the mean colour of what is now where a figure will be."""
        left, top, right, bottom = found.box
        part = self._canvas.crop((left * ZOOM, top * ZOOM, right * ZOOM, bottom * ZOOM))
        pixels = np.asarray(part)[ZOOM // 2 :: ZOOM, ZOOM // 2 :: ZOOM][found.mask[top:bottom, left:right]]
        red, green, blue = pixels.mean(axis=0).tolist()
        return red, green, blue

    def add(self, figure: Figure, found: Trace) -> None:
        """Draw a figure over the others."""
        paint(figure, self._pen)
        self._placed.append((figure, found))
        self._seen = [*(seen & ~found.mask for seen in self._seen), found.mask]

    def finish(self) -> Scene:
        """Return the picture and what is seen of the figures."""
        placed = []
        for index, (figure, found) in enumerate(self._placed):
            over = [other.mask for _, other in self._placed[index + 1 :]]
            placed.append(Placed(figure=figure, trace=found, visibility=_visibility(figure, found, over)))
        picture = grained(self._canvas.reduce(ZOOM), self._place, self._draw)
        return Scene(picture=picture, placed=tuple(placed))


def draw_scene(size: int, draw: np.random.Generator) -> Scene:
    """Return a square picture of 1 to 5 figures of all classes."""
    stage = Stage(size, size, Backdrop.draw(draw), draw)
    add_figures(stage, _kinds(int(draw.integers(1, MOST_FIGURES + 1)), draw), draw)
    return stage.finish()


def add_figures(stage: Stage, kinds: Sequence[str], draw: np.random.Generator) -> None:
    """Add figures of random size, large ones first; one for which there is no place is left out."""
    least = [SMALLEST_PERSON if kind == PERSON else SMALLEST for kind in kinds]
    sizes = draw.uniform(least, LARGEST)
    for index in np.argsort(-sizes):
        _add(stage, kinds[index], float(sizes[index]), draw)


def put(figure: Figure, scale: float, stage: Stage, draw: np.random.Generator) -> Figure:
    """Return a figure, given in its frame, enlarged to a longer side in pixels and put at a random place."""
    _, _, width, height = figure.extent
    left = draw.uniform(MARGIN, max(MARGIN, stage.width - width * scale - MARGIN))
    top = draw.uniform(MARGIN, max(MARGIN, stage.height - height * scale - MARGIN))
    return figure.moved(scale, left, top)


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def _kinds(count: int, draw: np.random.Generator) -> list[str]:
    shares = [PERSONS, *[(1 - PERSONS) / len(KINDS)] * len(KINDS)]
    return [CLASSES[index] for index in draw.choice(len(CLASSES), count, p=shares)]


def _add(stage: Stage, kind: str, size: float, draw: np.random.Generator) -> None:
    framed = person(Look.draw(draw), draw) if kind == PERSON else simple_figure(kind, draw)
    scale = size * min(stage.width, stage.height)
    for _ in range(ATTEMPTS):
        figure = put(framed, scale, stage, draw)
        if not stage.free(figure.extent):
            continue
        found = trace(figure, stage.width, stage.height)
        if stage.fits(found):
            stage.add(figure if kind == PERSON else _painted(figure, stage.behind(found), draw), found)
            return


def _painted(figure: Figure, behind: tuple[float, float, float], draw: np.random.Generator) -> Figure:
    """Return the figure in a random colour that differs from what is behind it, a rim in another shade."""
    colour: Colour = BLACK
    for _ in range(ATTEMPTS):
        red, green, blue = draw.integers(0, 256, 3).tolist()
        colour = red, green, blue
        if np.linalg.norm(np.subtract(colour, behind)) >= LEAST_CONTRAST:
            break
    return coloured(figure, colour, shaded(colour, 60 if sum(colour) < sum(behind) else -60))


def _visibility(figure: Figure, found: Trace, over: Sequence[Mask]) -> tuple[int, ...]:
    if figure.keypoints is None:
        return ()
    hidden = np.zeros(len(figure.keypoints), np.bool_)
    for mask in over:
        hidden |= covers(mask, figure.keypoints)
    labelled = ~np.isnan(figure.keypoints[:, 0])
    return tuple((labelled * (1 + (found.shown & ~hidden))).tolist())
