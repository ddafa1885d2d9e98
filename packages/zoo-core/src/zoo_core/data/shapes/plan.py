"""Own what a data set of figures is made from: its numbers, their limits, and how they divide into splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

LIMITS = {"images": (10, 100_000), "size": (64, 640), "seed": (0, 2**31 - 1), "identities": (4, 480)}
"""Number -> its smallest and largest value."""
HELD_OUT = 0.15
"""Share of the pictures that validate, and of those that test."""
CAMERAS = 4
"""Cameras that see every identity, each with a light and a background of its own."""
TRAIN_SHOTS, GALLERY_SHOTS = 4, 3
"""Pictures of an identity by each camera; a query is one of a test identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapesPlan:
    """Hold the numbers that decide every byte of the data set."""

    images: int = 1600
    """Pictures for detection, and as many for pose."""
    size: int = 128
    """Width and height of a picture in pixels."""
    seed: int = 0
    identities: int = 40
    """Drawn persons for re-identification, half of them for training."""

    def faults(self) -> tuple[str, ...]:
        """Return a sentence for every number outside its limits."""
        return tuple(
            f"{name} is {value}, expected a whole number from {LIMITS[name][0]} to {LIMITS[name][1]}"
            for name, value in self._values()
            if not LIMITS[name][0] <= value <= LIMITS[name][1]
        )

    @property
    def splits(self) -> dict[str, int]:
        """Return split -> number of pictures: 70 %, 15 %, 15 %."""
        held_out = max(1, round(HELD_OUT * self.images))
        return {"train": self.images - 2 * held_out, "val": held_out, "test": held_out}

    @property
    def training_identities(self) -> int:
        """Return how many identities train; the others are in query and gallery."""
        return (self.identities + 1) // 2

    @property
    def crops(self) -> dict[str, int]:
        """Return folder of re-identification -> number of pictures."""
        held_out = self.identities - self.training_identities
        return {
            "train": self.training_identities * CAMERAS * TRAIN_SHOTS,
            "query": held_out * CAMERAS,
            "gallery": held_out * CAMERAS * GALLERY_SHOTS,
        }

    def _values(self) -> Iterator[tuple[str, int]]:
        return ((field.name, getattr(self, field.name)) for field in fields(self))
