"""Searches made at random, and the plainest way to judge them: Python loops over one pair of pictures at a time."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from zoo_reid.metrics.features import Features


@dataclass
class Answer:
    """What the loops find for one query; everything is None where the query does not count."""

    average_precision: float | None
    inverse_penalty: float | None
    first: int | None


def directions(vectors):
    """Return vectors of length 1 in double precision; zeros stay."""
    rows = [row.astype(float) for row in vectors]
    return [row / math.sqrt(row @ row) if row.any() else row for row in rows]


def distance_of(one, other, kind):
    """Return the distance of two directions."""
    return min(2.0, max(0.0, 1 - one @ other)) if kind == "cosine" else math.sqrt((one - other) @ (one - other))


def answer(distances, person, camera, gallery, *, exclude, itself):
    """Judge one query by sorting the pictures that count and walking down the list."""
    order = sorted(range(len(distances)), key=lambda place: (distances[place], place))
    hits, precisions, first, seen, last = 0, [], None, 0, 0
    for place in order:
        same = gallery.identities[place] == person
        if place == itself or (exclude and same and camera >= 0 and gallery.cameras[place] == camera):
            continue
        seen += 1
        if same:
            hits += 1
            precisions.append(hits / seen)
            first = seen - 1 if first is None else first
            last = seen
    if not hits:
        return Answer(None, None, None)
    return Answer(sum(precisions) / hits, hits / last, first)


@pytest.fixture(scope="session")
def naive() -> Callable:
    """Return the judge of whole searches."""

    def judge(query, gallery, *, distance="cosine", same_camera="exclude", same_set=False):
        answers = []
        known = directions(gallery.vectors)
        for number, vector in enumerate(directions(query.vectors)):
            distances = [distance_of(vector, other, distance) for other in known]
            answers.append(
                answer(
                    distances,
                    query.identities[number],
                    query.cameras[number],
                    gallery,
                    exclude=same_camera == "exclude",
                    itself=number if same_set else None,
                )
            )
        return answers

    return judge


@pytest.fixture(scope="session")
def people() -> Callable:
    """Return a maker of pictures of random persons."""

    def make(seed, count, *, persons=6, cameras=3, size=16, ties=False, spread=1.0, known_from=0):
        """Make pictures around one centre per person; with `ties`, of signs alone, so that products are exact."""
        generator = np.random.default_rng(seed)
        centres = np.random.default_rng(99).normal(size=(100, size))
        identities = generator.integers(known_from, known_from + persons, count)
        vectors = centres[identities] + spread * generator.normal(size=(count, size))
        vectors = np.where(vectors > 0, 1.0, -1.0) if ties else vectors
        return Features(
            vectors.astype(np.float32),
            identities.astype(np.int64),
            generator.integers(-1, cameras, count).astype(np.int64) if cameras else np.full(count, -1, dtype=np.int64),
        )

    return make


@pytest.fixture(scope="session")
def at_angles() -> Callable:
    """Return a maker of pictures as directions in a plane, in degrees: the nearest is the one at the nearest angle."""

    def make(*rows):
        """Make one picture per (angle, person, camera)."""
        angles = np.radians([row[0] for row in rows])
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return Features(
            vectors.astype(np.float32),
            np.array([row[1] for row in rows], dtype=np.int64),
            np.array([row[2] for row in rows], dtype=np.int64),
        )

    return make
