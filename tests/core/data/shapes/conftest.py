"""Write one small data set of figures for all tests of this folder."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from zoo_core.data.shapes.plan import ShapesPlan
from zoo_core.data.shapes.writing import Written, write_shapes


class Silence:
    """Count what an operation says of its progress."""

    def __init__(self):
        self.steps = {}

    @contextmanager
    def track(self, description, total):
        self.steps[description] = [0, total]
        yield Bar(self.steps[description])


class Bar:
    def __init__(self, counts):
        self.counts = counts

    def advance(self, steps=1, **values):
        self.counts[0] += steps


@pytest.fixture
def progress() -> Silence:
    return Silence()


@pytest.fixture(scope="session")
def plan() -> ShapesPlan:
    return ShapesPlan(images=40, size=96, seed=3, identities=5)


@pytest.fixture(scope="session")
def written(plan: ShapesPlan, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """Return the folder of the data set, and what its writing reported."""
    folder = tmp_path_factory.mktemp("shapes") / "new"
    return folder, write_shapes(folder, plan, Silence())


@pytest.fixture(scope="session")
def made(written: tuple[Path, Written]) -> Path:
    return written[0]
