"""Own pictures of persons for re-identification: who they are, and how each camera shows them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_core.data.shapes.backgrounds import Backdrop
from zoo_core.data.shapes.canvas import trace
from zoo_core.data.shapes.figures import KINDS
from zoo_core.data.shapes.people import CLOTHES, HAIRS, Look, person
from zoo_core.data.shapes.plan import CAMERAS, GALLERY_SHOTS, TRAIN_SHOTS, ShapesPlan
from zoo_core.data.shapes.scenes import Stage, add_figures, put

WIDTH, HEIGHT = 64, 128
NEAREST, FARTHEST = 0.93, 0.72
"""Height of a person, in heights of the picture."""
WIDEST = 0.95
"""Width of a person, in widths of the picture, which the height gives way to."""
COVERED = 0.2
"""Share of pictures in which something may stand before the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Hold the light and the place that one camera gives to all its pictures."""

    gain: npt.NDArray[np.float64]
    """Factor of each colour, shape (3,)."""
    place: Backdrop

    @classmethod
    def draw(cls, draw: np.random.Generator) -> Camera:
        """Return a random camera."""
        return cls(gain=draw.uniform(0.75, 1.1) * draw.uniform(0.92, 1.08, 3), place=Backdrop.draw(draw))

    def moment(self, draw: np.random.Generator) -> Camera:
        """Return the camera at another time: a little brighter or darker, its place seen elsewhere."""
        light = np.clip(self.place.light + draw.normal(0, 12, (2, 3)), 0, 255)
        place = replace(self.place, light=light, angle=self.place.angle + draw.normal(0, 0.3))
        return Camera(gain=self.gain * draw.uniform(0.9, 1.1), place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Name one picture of an identity: its folder, the camera, and its number among that camera's pictures."""

    folder: str
    identity: int
    camera: int
    number: int

    @property
    def name(self) -> str:
        """Return `<identity>_c<camera>_<number>.jpg`, all counted from 1."""
        return f"{self.identity + 1:04d}_c{self.camera + 1}_{self.number + 1:02d}.jpg"


def shots(plan: ShapesPlan) -> Iterator[Shot]:
    """Yield every picture: the first half of the identities trains, the other is searched for and found."""
    for identity, camera in itertools.product(range(plan.identities), range(CAMERAS)):
        if identity < plan.training_identities:
            folders = ["train"] * TRAIN_SHOTS
        else:
            folders = ["query"] + ["gallery"] * GALLERY_SHOTS
        for number, folder in enumerate(folders):
            yield Shot(folder=folder, identity=identity, camera=camera, number=number)


def wardrobe(count: int, draw: np.random.Generator) -> list[Look]:
    """Return persons of whom no two have shirt, trousers and hair in common, nor two of them while others are left.

    Raises:
        ValueError: When there are not that many.
    """
    pairs = [(CLOTHES[one], CLOTHES[other]) for one, other in itertools.permutations(range(len(CLOTHES)), 2)]
    if count > len(pairs) * len(HAIRS):
        msg = f"{count} persons cannot be told apart by {len(pairs)} pairs of clothes and {len(HAIRS)} colours of hair"
        raise ValueError(msg)
    order, first_hair = draw.permutation(len(pairs)), draw.integers(len(HAIRS), size=len(pairs))
    looks = []
    for index in range(count):
        pair = order[index % len(pairs)]
        hair = HAIRS[(first_hair[pair] + index // len(pairs)) % len(HAIRS)]
        shirt, trousers = pairs[pair]
        looks.append(Look.dressed(shirt, trousers, CLOTHES[draw.integers(len(CLOTHES))], hair, draw))
    return looks


def draw_shot(look: Look, camera: Camera, draw: np.random.Generator) -> Image.Image:
    """Return a picture of 64 x 128 pixels of one person, walking or standing, in RGB."""
    now = camera.moment(draw)
    stage = Stage(WIDTH, HEIGHT, now.place, draw)
    figure = person(look, draw, calm=True)
    _, _, width, height = figure.extent
    scale = min(draw.uniform(FARTHEST, NEAREST) * HEIGHT / height, WIDEST * WIDTH / width)
    figure = put(figure, scale, stage, draw)
    stage.add(figure, trace(figure, WIDTH, HEIGHT))
    if draw.random() < COVERED:
        add_figures(stage, [KINDS[draw.integers(len(KINDS))]], draw)
    pixels = np.asarray(stage.finish().picture, np.float64) * now.gain
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
