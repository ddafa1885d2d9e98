"""Own the bones of a drawn person: random proportions and poses in space, and the 17 keypoints of COCO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

KEYPOINTS: Final = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""Names in COCO's order; left is the person's own left."""
BONES: Final = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9),
    (8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)  # fmt: skip
"""Pairs of keypoints that are joined, counted from 1 as in COCO's files."""
FACE = slice(0, 5)
HEAD = len(KEYPOINTS)
"""Row of the centre of the head, after the keypoints."""
FACE_IN_HEAD = np.array([[0, 0.12, 0.8], [0.36, -0.12, 0.75], [-0.36, -0.12, 0.75], [0.95, 0, 0], [-0.95, 0, 0]])
"""Nose, eyes and ears from the centre of the head, in its radii: x to the person's left, y down, z to the front."""
RIGHTWARDS = np.array([1.0, 0.0, 0.0])
HIDDEN = np.array([0, 0, 0, -0.3, -0.3])
"""Depth of nose, eyes and ears, in radii of the head, below which they are behind it, and so not labelled."""

TOWARDS, SIDEWAYS = 0.65, 0.2
"""Shares of persons that face the viewer and that stand sideways; the others face away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Hold the proportions of a person; a standing one is about 1 high."""

    head: float
    """Radius."""
    shoulders: float
    """Half the distance between the joints."""
    hips: float
    trunk: float
    arm: float
    """Length of the upper arm and of the forearm."""
    leg: float
    """Length of the thigh and of the shin."""
    limb: float
    """Radius of an arm; legs are thicker by half."""

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Build:
        """Return random proportions."""
        return cls(
            head=draw.uniform(0.085, 0.11),
            shoulders=draw.uniform(0.105, 0.145),
            hips=draw.uniform(0.06, 0.09),
            trunk=draw.uniform(0.27, 0.33),
            arm=draw.uniform(0.15, 0.18),
            leg=draw.uniform(0.2, 0.25),
            limb=draw.uniform(0.03, 0.042),
        )


def pose(build: Build, draw: np.random.Generator, *, calm: bool = False) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Return a random pose as the viewer sees it.

    Args:
        build: Proportions of the person.
        draw: Where the angles come from.
        calm: Whether the person walks or stands, with arms down.

    Returns:
        The keypoints and the centre of the head, shape (18, 3): x to the right, y down, z towards the viewer; and which
        of the 17 keypoints are labelled, those behind the head not.
    """
    points = np.zeros((HEAD + 1, 3))
    neck = np.array([0.0, -build.trunk, 0.0])
    for side, sign in enumerate((1, -1)):  # left, right
        points[5 + side] = neck + sign * build.shoulders * RIGHTWARDS
        points[11 + side] = sign * build.hips * RIGHTWARDS
        points[[7 + side, 9 + side]] = points[5 + side] + _arm(build.arm, sign, draw, calm=calm)
        points[[13 + side, 15 + side]] = points[11 + side] + _leg(build.leg, sign, draw, calm=calm)
    points[HEAD] = neck + build.head * np.array([0, -1.25, draw.uniform(-0.1, 0.3)])
    points[FACE] = points[HEAD] + build.head * FACE_IN_HEAD @ _about_y(draw.uniform(-0.5, 0.5))
    points = points @ _about_y(_facing(draw)) @ _about_z(draw.normal(0, 0.04 if calm else 0.12))
    labelled = np.ones(HEAD, np.bool_)
    labelled[FACE] = points[FACE, 2] - points[HEAD, 2] > HIDDEN * build.head
    return points, labelled


def _facing(draw: np.random.Generator) -> float:
    """Return a turn about the vertical: mostly towards the viewer, sometimes sideways or away."""
    chance = draw.random()
    if chance < TOWARDS:
        return float(draw.uniform(-0.8, 0.8))
    if chance < TOWARDS + SIDEWAYS:
        return float(draw.choice([-1, 1]) * draw.uniform(0.8, 1.8))
    return float(np.pi + draw.uniform(-0.8, 0.8))


def _arm(length: float, sign: int, draw: np.random.Generator, *, calm: bool) -> Points:
    """Return elbow and wrist from the shoulder."""
    swing = draw.uniform(-0.5, 0.6 if calm else 1.2)
    raised = draw.uniform(0.08, 0.35) if calm else draw.uniform(0.1, 2.7)
    bent = draw.uniform(0, 0.7 if calm else 1.8)
    lower = raised if calm else raised + draw.uniform(-1.2, 1.0)
    upper = _bone(length, swing, sign * raised)
    return np.stack([upper, upper + _bone(length, swing + bent, sign * lower)])


def _leg(length: float, sign: int, draw: np.random.Generator, *, calm: bool) -> Points:
    """Return knee and ankle from the hip."""
    swing = draw.uniform(-0.5, 0.5 if calm else 1.1)
    raised = draw.uniform(0.0, 0.12 if calm else 0.7)
    bent = draw.uniform(0, 0.5 if calm else 1.2)
    upper = _bone(length, swing, sign * raised)
    return np.stack([upper, upper + _bone(length, swing - bent, sign * raised * draw.uniform(0, 1))])


def _bone(length: float, swing: float, raised: float) -> Points:
    """Return a bone that hangs down, swung to the front and then raised sideways, by angles in radians."""
    down = np.cos(swing)
    return length * np.array([down * np.sin(raised), down * np.cos(raised), np.sin(swing)])


def _about_y(angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])


def _about_z(angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
