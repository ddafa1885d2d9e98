"""Own pictures of one large person for pose estimation, with other figures behind it and in front."""

from __future__ import annotations

import numpy as np

from zoo_core.data.shapes.backgrounds import Backdrop
from zoo_core.data.shapes.canvas import trace
from zoo_core.data.shapes.figures import KINDS
from zoo_core.data.shapes.people import PERSON, Look, person
from zoo_core.data.shapes.scenes import Placed, Scene, Stage, add_figures, put

SMALLEST, LARGEST = 0.65, 0.95
"""Longer side of the person, in sides of the picture."""
MOST_OTHERS = 2
IN_FRONT = 0.25
"""Share of the other figures that stand in front of the person."""
CLASS_NUMBER = 0
DIGITS = 6


def draw_pose(size: int, draw: np.random.Generator) -> Scene:
    """Return a square picture of one person; figures in front may hide some of its points."""
    stage = Stage(size, size, Backdrop.draw(draw), draw)
    others = draw.choice(KINDS, draw.integers(MOST_OTHERS + 1)).tolist()
    in_front = int(draw.binomial(len(others), IN_FRONT))
    add_figures(stage, others[in_front:], draw)
    figure = put(person(Look.draw(draw), draw), draw.uniform(SMALLEST, LARGEST) * size, stage, draw)
    stage.add(figure, trace(figure, size, size))
    add_figures(stage, others[:in_front], draw)
    return stage.finish()


def pose_lines(scene: Scene) -> str:
    """Return a line `0 cx cy w h x1 y1 v1 ...` for each person, in shares of the picture.

    A flag is 1 for a labelled point, seen or hidden, and 0 for one that is not labelled.
    """
    return "".join(_line(placed, *scene.picture.size) for placed in scene.placed if placed.figure.kind == PERSON)


def _line(placed: Placed, width: int, height: int) -> str:
    left, top, right, bottom = placed.trace.box
    numbers = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]
    words = [str(CLASS_NUMBER), *(_share(number) for number in numbers)]
    points = np.nan_to_num(placed.figure.keypoints) / (width, height)  # type: ignore[arg-type]  # persons have keypoints
    for (x, y), flag in zip(points.tolist(), placed.visibility, strict=True):
        words += [_share(x), _share(y), str(min(flag, 1))]
    return " ".join(words) + "\n"


def _share(number: float) -> str:
    return f"{number:.{DIGITS}f}"
