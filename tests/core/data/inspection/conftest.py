"""Give tests of the inspection images in memory, and bars that are not shown."""

import io

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import Sample


class Pictures:
    """Hold images of any kind with their labels; nothing in place of an image is one that cannot be read."""

    def __init__(self, images, targets, prefix=""):
        self.images = images
        self.targets = targets
        self.prefix = prefix

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if self.images[index] is None:
            raise UnreadableImageError(self.name(index), "the file is empty")
        return Sample(self.images[index], self.targets[index], self.name(index))

    def name(self, index):
        return f"{self.prefix}{index}"


@pytest.fixture
def pictures():
    return Pictures


@pytest.fixture
def progress():
    with open_progress(io.StringIO()) as found:
        yield found
