"""Own the drawn person: clothes, proportions and pose become coloured parts, the ones behind first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_core.data.shapes.figures import Colour, Figure, Part, framed, rounded, shaded
from zoo_core.data.shapes.skeleton import HEAD, Build, Points, pose

PERSON = "person"
SKINS: tuple[Colour, ...] = ((250, 220, 195), (226, 180, 145), (190, 135, 95), (130, 85, 55), (90, 58, 40))
HAIRS: tuple[Colour, ...] = (
    (25, 22, 20),
    (95, 60, 35),
    (225, 190, 100),
    (165, 65, 25),
    (170, 170, 170),
    (90, 60, 140),
)
CLOTHES: tuple[Colour, ...] = (
    (215, 40, 40),
    (240, 140, 30),
    (245, 220, 60),
    (60, 170, 70),
    (40, 120, 215),
    (25, 45, 110),
    (140, 60, 170),
    (240, 130, 180),
    (60, 200, 205),
    (240, 240, 240),
    (120, 120, 125),
    (30, 30, 34),
)
EYE: Colour = (20, 20, 25)
BANDS, LONG_SLEEVES, SHORTS = 0.35, 0.5, 0.3
"""Shares of persons who wear them."""
BAND = (0.35, 0.6)
"""Place of the band on a shirt, in shares of the way from the shoulders to the hips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Hold what makes a person recognisable: colours of body and clothes, and proportions."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    band: Colour | None
    """Colour of a band around the chest."""
    sleeves: bool
    """Whether the sleeves are long."""
    shorts: bool
    build: Build

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Look:
        """Return a random person."""
        shirt, trousers, shoes = (CLOTHES[index] for index in draw.choice(len(CLOTHES), 3, replace=False))
        return cls.dressed(shirt, trousers, shoes, HAIRS[draw.integers(len(HAIRS))], draw)

    @classmethod
    def dressed(cls, shirt: Colour, trousers: Colour, shoes: Colour, hair: Colour, draw: np.random.Generator) -> Look:
        """Return a person in given colours, each a little changed; the rest is random."""
        band = CLOTHES[draw.integers(len(CLOTHES))] if draw.random() < BANDS else None
        return cls(
            skin=SKINS[draw.integers(len(SKINS))],
            hair=_near(hair, draw),
            shirt=_near(shirt, draw),
            trousers=_near(trousers, draw),
            shoes=_near(shoes, draw),
            band=band,
            sleeves=bool(draw.random() < LONG_SLEEVES),
            shorts=bool(draw.random() < SHORTS),
            build=Build.draw(draw),
        )


def person(look: Look, draw: np.random.Generator, *, calm: bool = False) -> Figure:
    """Return a person in a random pose, in its frame, with keypoints of shape (17, 2) in COCO's order."""
    points, labelled = pose(look.build, draw, calm=calm)
    layers = [*_limbs(look, points), *_trunk(look, points), *_head(look, points)]
    layers.sort(key=lambda layer: layer[0])
    keypoints = np.where(labelled[:, None], points[:HEAD, :2], np.nan)
    return framed(Figure(kind=PERSON, parts=tuple(part for _, part in layers), keypoints=keypoints))


Layer = tuple[float, Part]
"""Depth towards the viewer, and a part."""


def _limbs(look: Look, points: Points) -> list[Layer]:
    arm, leg = look.build.limb, 1.5 * look.build.limb
    forearm, shin = (look.shirt if look.sleeves else look.skin), (look.skin if look.shorts else look.trousers)
    layers = []
    for side in (0, 1):
        shoulder, elbow, wrist, hip, knee, ankle = range(5 + side, 17, 2)
        toe = points[ankle] + (0, 0.3 * leg, 0) + 1.2 * leg * _forwards(points)
        layers += [
            _limb(points, (shoulder, elbow), (1.15 * arm, arm), shaded(look.shirt, -25)),
            _limb(points, (elbow, wrist), (arm, 0.85 * arm), shaded(forearm, -25)),
            _limb(points, (hip, knee), (leg, 0.85 * leg), shaded(look.trousers, -18 * side)),
            _limb(points, (knee, ankle), (0.85 * leg, 0.65 * leg), shaded(shin, -18 * side)),
            (points[wrist, 2] + 0.01, _part([points[wrist]], [0.95 * arm], look.skin, wrist)),
            (points[ankle, 2] + 0.01, _part([points[ankle], toe], [0.75 * leg, 0.6 * leg], look.shoes, ankle)),
        ]
    return layers


def _limb(points: Points, ends: tuple[int, int], radii: tuple[float, float], colour: Colour) -> Layer:
    depth = float(points[list(ends), 2].mean())
    return depth, _part(points[list(ends)], radii, colour, *ends)


def _trunk(look: Look, points: Points) -> list[Layer]:
    shoulders, hips = points[5:7], points[11:13]
    radius = 1.3 * look.build.limb
    corners = np.concatenate([shoulders, hips])
    depth = float(corners[:, 2].mean())
    neck = shoulders.mean(axis=0), points[HEAD]
    layers = [
        (depth - 0.001, _part(neck, [0.9 * look.build.limb] * 2, shaded(look.skin, -20))),
        (depth, _part(corners, [radius] * 4, look.shirt, 5, 6, 11, 12)),
    ]
    if look.band is not None:
        ends = [shoulders * (1 - share) + hips * share for share in BAND]
        layers.append((depth + 0.0005, _part(np.concatenate(ends), [0.8 * radius] * 4, look.band)))
    return layers


def _head(look: Look, points: Points) -> list[Layer]:
    """Return hair, face, ears and eyes; from behind, the hair hides the face."""
    radius, centre = look.build.head, points[HEAD]
    forwards = _forwards(points, head=True)
    face = centre + radius * (0.3 * forwards + (0, 0.15, 0))
    top = float(centre[2]) + 0.5 * radius
    layers = [
        (top, _part([centre], [radius], look.hair, 0, 1, 2, 3, 4)),
        (top + 0.3 * radius * float(forwards[2]), _part([face], [0.82 * radius], look.skin, 0, 1, 2, 3, 4)),
    ]
    for point in range(5):
        depth = float(points[point, 2] - centre[2]) / radius
        if point in {3, 4}:
            layers.append((top + 0.31 * radius * depth, _part([points[point]], [0.2 * radius], look.skin, point)))
        elif depth > 0:
            colour, size = (shaded(look.skin, -50), 0.13) if point == 0 else (EYE, 0.14)
            layers.append((top + 0.4 * radius, _part([points[point]], [size * radius], colour, point)))
    return layers


def _forwards(points: Points, *, head: bool = False) -> Points:
    """Return the direction that the person, or its head, looks into, of length 1 and shape (3,)."""
    across = points[3] - points[4] if head else points[11] - points[12]
    ahead = np.cross(across, (0.0, 1.0, 0.0))
    return np.asarray(ahead / np.linalg.norm(ahead))


def _part(
    centres: Points | list[Points] | tuple[Points, ...], radii: npt.ArrayLike, colour: Colour, *points: int
) -> Part:
    return Part(outline=rounded(np.asarray(centres)[:, :2], radii), colour=colour, points=frozenset(points))


def _near(colour: Colour, draw: np.random.Generator) -> Colour:
    red, green, blue = np.clip(colour + draw.integers(-12, 13, 3), 0, 255).tolist()
    return red, green, blue
