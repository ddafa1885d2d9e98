"""Own the drawing of poses on pictures: bones and keypoints in one colour for each side of the body."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.labels import PoseLabels

if TYPE_CHECKING:
    from zoo_pose.skeletons import Skeleton

LEFT, RIGHT, MIDDLE = (255, 140, 0), (0, 190, 255), (90, 235, 80)
"""Colours of the person's own left and right, and of what belongs to neither."""
FRAME, INK, EDGE = (255, 255, 255), (255, 255, 255), (0, 0, 0)
PIXELS_PER_LINE = 140
"""Side of a picture in pixels for each pixel of a line's width."""
POSE_PER_LINE = 25
"""Longer side of a pose in pixels for each pixel of a line's width, so that small poses have thin lines."""
RADIUS = 1.4
"""Radius of a keypoint in line widths."""
PIXELS_PER_LETTER = 30
SMALLEST_FONT, LARGEST_FONT = 10, 48
FURTHEST = 4
"""Distance from the picture, in its sides, beyond which points are drawn no further away."""
LEFT_WORDS, RIGHT_WORDS = frozenset({"left", "l"}), frozenset({"right", "r"})
CROWD = "(crowd)"

Colour = tuple[int, int, int]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def keypoint_colours(skeleton: Skeleton) -> tuple[Colour, ...]:
    """Return the colour of each keypoint: that of its side, or one of its own where a skeleton has no sides."""
    sides = _sides(skeleton)
    if any(sides):
        return tuple({-1: LEFT, 0: MIDDLE, 1: RIGHT}[side] for side in sides)
    return tuple(_hue(number, skeleton.keypoints) for number in range(skeleton.keypoints))


def link_colours(skeleton: Skeleton) -> tuple[Colour, ...]:
    """Return the colour of each link: that of its side, the middle's between both sides, or that of its end."""
    sides = _sides(skeleton)
    if not any(sides):
        own = keypoint_colours(skeleton)
        return tuple(own[end] for _, end in skeleton.links)
    totals = (sides[start] + sides[end] for start, end in skeleton.links)
    return tuple(MIDDLE if total == 0 else LEFT if total < 0 else RIGHT for total in totals)


def draw_poses(
    image: Image.Image,
    points: npt.ArrayLike,
    shown: npt.ArrayLike,
    skeleton: Skeleton,
    *,
    boxes: Sequence[Sequence[float]] | Floats = (),
    labels: Sequence[str] = (),
) -> Image.Image:
    """Return an RGB copy of an image with poses drawn on it, the first ones on top.

    Args:
        image: Any image; it is left as it is.
        points: Pixels of P poses, shape (P, K, 2).
        shown: Which keypoints are drawn, shape (P, K); links are drawn between two of them.
        skeleton: Links, and which keypoints are left and right.
        boxes: Left, top, right, bottom in pixels of each frame to draw.
        labels: Text of each frame; an empty one draws none.
    """
    picture = image.convert("RGB")
    pen = ImageDraw.Draw(picture)
    reach = FURTHEST * max(picture.size)
    places = np.floor(np.clip(np.asarray(points, np.float64), -reach, reach)).astype(np.int64)
    places = places.reshape(-1, skeleton.keypoints, 2)
    visible = np.asarray(shown, np.bool_).reshape(-1, skeleton.keypoints)
    for box in list(boxes)[::-1]:
        _frame(pen, box, max(1, min(picture.size) // PIXELS_PER_LINE // 2))
    for pose, mask in list(zip(places, visible, strict=True))[::-1]:
        _draw_pose(pen, pose, mask, skeleton, min(picture.size))
    for box, text in zip(boxes, labels, strict=False):
        _write(picture, pen, box, text)
    return picture


def draw_labels(
    picture: Image.Image, labels: PoseLabels, skeleton: Skeleton, preprocessing: ImagePreprocessing
) -> Image.Image:
    """Return a copy of a picture of the model's input with the true poses of an image drawn on it.

    Args:
        picture: What the model sees, in the size of its input, or of a training that varies it.
        labels: Poses in the pixels of the stored image or of the input.
        skeleton: Links, and which keypoints are left and right.
        preprocessing: How the stored image became the picture.
    """
    placed = labels.placed(preprocessing)
    scale = np.array([picture.width / placed.width, picture.height / placed.height])
    boxes = placed.boxes * np.tile(scale, 2)
    framed = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return draw_poses(
        picture,
        placed.points * scale,
        placed.labelled,
        skeleton,
        boxes=boxes[framed],
        labels=[CROWD if crowd else "" for crowd in placed.crowd[framed]],
    )


def _sides(skeleton: Skeleton) -> tuple[int, ...]:
    """Return -1 for left, 1 for right, 0 for neither, by the names of keypoints or else by their mirror pairs."""
    sides = [0] * skeleton.keypoints
    for left, right in skeleton.pairs:
        sides[left], sides[right] = -1, 1
    for number, name in enumerate(skeleton.names):
        words = set(re.split(r"[^a-z]+", name.casefold()))
        if bool(words & LEFT_WORDS) != bool(words & RIGHT_WORDS):
            sides[number] = -1 if words & LEFT_WORDS else 1
    return tuple(sides)


def _hue(number: int, count: int) -> Colour:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(number / count, 0.8, 1.0))
    return red, green, blue


def _draw_pose(
    pen: ImageDraw.ImageDraw, pose: npt.NDArray[np.int64], shown: Mask, skeleton: Skeleton, side: int
) -> None:
    """Draw the links of a pose, given by its pixels, and then its keypoints; as wide as picture and pose allow."""
    if not shown.any():
        return
    size = float(np.ptp(pose[shown], axis=0).max())
    width = max(1, round(min(0.5 + side / PIXELS_PER_LINE, size / POSE_PER_LINE)))
    edged = width > 1
    lines = [
        ((*pose[start].tolist(), *pose[end].tolist()), colour)
        for (start, end), colour in zip(skeleton.links, link_colours(skeleton), strict=True)
        if shown[start] and shown[end]
    ]
    for ends, _ in lines if edged else ():
        pen.line(ends, EDGE, width + 2)
    for ends, colour in lines:
        pen.line(ends, colour, width)
    radius, colours = max(1, round(RADIUS * width)), keypoint_colours(skeleton)
    for number in np.flatnonzero(shown)[::-1].tolist():
        x, y = pose[number].tolist()
        around = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(around, fill=colours[number], outline=EDGE if edged else colours[number])


def _frame(pen: ImageDraw.ImageDraw, box: Sequence[float] | Floats, width: int) -> None:
    """Draw the border just inside of a box; one of less than a pixel is drawn as a point."""
    left, top = round(box[0]), round(box[1])
    pen.rectangle((left, top, max(left, round(box[2]) - 1), max(top, round(box[3]) - 1)), outline=FRAME, width=width)


def _write(picture: Image.Image, pen: ImageDraw.ImageDraw, box: Sequence[float] | Floats, text: str) -> None:
    """Write a text above its box, or inside where there is no room, within the picture where it fits."""
    if not text:
        return
    letters = min(max(min(picture.size) // PIXELS_PER_LETTER, SMALLEST_FONT), LARGEST_FONT)
    font = ImageFont.load_default(letters)
    ends = pen.textbbox((0, 0), text, font, stroke_width=1)
    width, height = ends[2] - ends[0], ends[3] - ends[1]
    left = max(0.0, min(box[0], picture.width - width))
    top = box[1] - height if box[1] >= height else min(max(box[1], 0.0) + 1, max(0.0, picture.height - height))
    pen.text((left - ends[0], top - ends[1]), text, INK, font, stroke_width=1, stroke_fill=EDGE)
