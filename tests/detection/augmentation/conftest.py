"""Painted images: each box a filled rectangle of its own colour, so that pixels say where it is."""

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import Sample
from zoo_detection import boxes
from zoo_detection.augmentation import mosaic
from zoo_detection.labels import BoxLabels

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)]
SIZES = [(120, 80), (64, 100), (90, 90), (200, 50)]


class Painted:
    """Image k has one box, of colour and class k; two images of colours that are not those of others."""

    def __init__(self, boxes, sizes, broken=()):
        self.targets = [BoxLabels.of([box], [k], size) for k, (box, size) in enumerate(zip(boxes, sizes, strict=True))]
        self.broken = set(broken)

    def __len__(self):
        return len(self.targets)

    def name(self, index):
        return f"painted/{index}.png"

    def __getitem__(self, index):
        if index in self.broken:
            raise UnreadableImageError(self.name(index), "the file is empty")
        labels = self.targets[index]
        pixels = np.zeros((labels.height, labels.width, 3), np.uint8)
        left, top, right, bottom = labels.boxes[0].astype(int)
        pixels[top:bottom, left:right] = COLOURS[index]
        return Sample(Image.fromarray(pixels), labels, self.name(index))


@pytest.fixture
def painted():
    def make(seed=0, broken=(), count=4):
        generator = np.random.default_rng(seed)
        sizes = [SIZES[k % len(SIZES)] for k in range(count)]
        boxes = []
        for width, height in sizes:
            xs, ys = (
                np.sort(generator.choice(np.arange(0, side + 1, 5), 2, replace=False)) for side in (width, height)
            )
            boxes.append([xs[0], ys[0], xs[1], ys[1]])
        return Painted(boxes, sizes, broken)

    return make


@pytest.fixture
def prepare():
    """Pixels as they are, 0 to 255, by the nearest pixel so that colours stay pure."""

    def make(height=96, width=128, **options):
        values = {"scale": 1.0, "interpolation": "nearest", **options}
        return ImagePreprocessing(input=InputSpec(3, height, width), **values)

    return make


@pytest.fixture
def extents():
    """Return {class: (left, top, right, bottom)} of the pixels of each pure colour in a tensor (3, H, W)."""

    def find(tensor):
        pixels = tensor.permute(1, 2, 0).numpy()
        found = {}
        for index, colour in enumerate(COLOURS):
            where = np.argwhere((pixels == colour).all(2))
            if len(where):
                (top, left), (bottom, right) = where.min(0), where.max(0) + 1
                found[index] = np.array([left, top, right, bottom])
        return found

    return find


@pytest.fixture
def _all_kept(monkeypatch):
    """Drop no box, so that each object in the picture has one."""
    monkeypatch.setattr(mosaic, "SHARE", 0.0)
    monkeypatch.setattr(boxes, "LEAST_SIDE", 1e-9)
