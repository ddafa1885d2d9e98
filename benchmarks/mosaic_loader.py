"""Measure our mosaic loader against a straightforward implementation with Pillow, on the same work.

Both join four images, rotate, scale, shear and shift the result, change hue, saturation and value, mirror, and make a
tensor of it, with boxes, in the same number of processes, of which each uses one thread. The peer does each of these
steps on the whole image, one after the other, in the way that Pillow's manual shows; its numbers are drawn in the same
ranges. Usage: python benchmarks/mosaic_loader.py [FOLDER OF JPEG FILES] [PROCESSES]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from zoo_core.artifacts import InputSpec
from zoo_core.data.images import list_images, read_image
from zoo_core.data.loader import TrainItems
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Sample
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.transform import DetectionTrainTransform
from zoo_detection.labels import BoxLabels

ROUNDS = 7
LIMIT = 1.5
SIDE = 416
IMAGES = 80
PHOTOS = 40
BOXES = 8
DEGREES, SHEAR, SHIFT, SCALES = 10.0, 2.0, 0.1, (0.5, 1.5)
GREY = (114, 114, 114)
LEFT, UPPER = (0, 2), (0, 1)
PREPROCESSING = ImagePreprocessing(input=InputSpec(3, SIDE, SIDE))
PLAN = Augmentation(mosaic=1.0, degrees=DEGREES, shear=SHEAR, translate=SHIFT, mosaic_scale=SCALES, hsv=1.0, flip=0.5)


class Photos:
    """Give JPEG files with random boxes."""

    def __init__(self, paths: list[Path]) -> None:
        generator = np.random.default_rng(0)
        self.paths = paths
        self.targets = []
        for path in paths:
            with Image.open(path) as image:
                size = image.size
            corners = generator.uniform(0, 1, (BOXES, 2, 2)) * size
            boxes = np.concatenate([corners.min(1), corners.max(1)], 1)
            self.targets.append(BoxLabels.of(boxes, generator.integers(0, 80, BOXES), size))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        return Sample(read_image(self.paths[index]), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        """Return the path of one file."""
        return str(self.paths[index])


def plain_mosaic(dataset: Photos, index: int, draws: np.random.Generator) -> tuple[torch.Tensor, np.ndarray]:
    """Make one training image with Pillow, step by step on whole images."""
    canvas = Image.new("RGB", (2 * SIDE, 2 * SIDE), GREY)
    centre_x, centre_y = (round(draws.uniform(0.5, 1.5) * SIDE) for _ in "xy")
    boxes = []
    for place, number in enumerate([index, *draws.integers(len(dataset), size=3)]):
        image = Image.open(dataset.paths[number]).convert("RGB")
        ratio = SIDE / max(image.size)
        image = image.resize((round(image.width * ratio), round(image.height * ratio)), Image.Resampling.BILINEAR)
        left = centre_x - image.width * (place in LEFT)
        top = centre_y - image.height * (place in UPPER)
        canvas.paste(image, (left, top))
        boxes.append(dataset.targets[number].boxes * ratio + (left, top, left, top))
    canvas, matrix = plain_affine(canvas, draws)
    corners = np.concatenate(boxes)[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2) @ matrix[:, :2].T + matrix[:, 2]
    found = np.concatenate([corners.min(1), corners.max(1)], 1).clip(0, SIDE)
    canvas = plain_hsv(canvas, draws)
    if draws.random() < PLAN.flip:
        canvas = ImageOps.mirror(canvas)
        found[:, [0, 2]] = SIDE - found[:, [2, 0]]
    pixels = torch.from_numpy(np.asarray(canvas, np.float32) / 255).permute(2, 0, 1).contiguous()
    return pixels, found[(found[:, 2:] - found[:, :2] > 1).all(1)]


def plain_affine(canvas: Image.Image, draws: np.random.Generator) -> tuple[Image.Image, np.ndarray]:
    """Rotate, scale, shear and shift the joined images, as one transform; return also the matrix of the boxes."""
    angle = np.deg2rad(draws.uniform(-DEGREES, DEGREES))
    slopes = [np.tan(np.deg2rad(draws.uniform(-SHEAR, SHEAR))) for _ in "xy"]
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = draws.uniform(*SCALES) * rotation @ [[1, slopes[0]], [slopes[1], 1]]
    shift = np.array([0.5 + draws.uniform(-SHIFT, SHIFT) for _ in "xy"]) * SIDE - linear @ (SIDE, SIDE)
    matrix = np.concatenate([linear, shift[:, None]], 1)
    back = np.linalg.inv(np.concatenate([matrix, [[0, 0, 1]]]))[:2].ravel()
    affine = Image.Transform.AFFINE
    return canvas.transform((SIDE, SIDE), affine, back, Image.Resampling.BILINEAR, fillcolor=GREY), matrix


def plain_hsv(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    """Shift hue, saturation and value, each in half of the images."""
    hue, saturation, value = (draws.uniform(-limit, limit) * draws.integers(2) for limit in (7, 30, 30))
    levels = [round(level + hue) % 256 for level in range(256)]
    levels += [min(max(round(level + saturation), 0), 255) for level in range(256)]
    levels += [min(max(round(level + value), 0), 255) for level in range(256)]
    return image.convert("HSV").point(levels).convert("RGB")


def plain_rate(paths: list[Path], count: int, seed: int) -> float:
    """Return images per second of the peer."""
    dataset = Photos(paths)
    draws = np.random.default_rng(seed)
    return _rate(lambda number: plain_mosaic(dataset, number % len(dataset), draws), count)


def our_rate(paths: list[Path], count: int, seed: int) -> float:
    """Return images per second of the items of our training loader."""
    dataset = Photos(paths)
    items = TrainItems(dataset, DetectionTrainTransform(PREPROCESSING, PLAN, epochs=1), seed)
    return _rate(lambda number: items[(number // len(dataset), number % len(dataset), 0)], count)


def _rate(make: Callable[[int], object], count: int) -> float:
    torch.set_num_threads(1)
    for number in range(10):
        make(number)
    started = time.perf_counter()
    for number in range(count):
        make(number)
    return count / (time.perf_counter() - started)


def write_photos(folder: Path) -> list[Path]:
    """Write JPEG files of 640 x 480 pixels with edges, surfaces and noise."""
    generator = np.random.default_rng(1)
    for number in range(PHOTOS):
        coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((640, 480))
        fine = generator.normal(0, 8, (480, 640, 1))
        pixels = (np.asarray(coarse, np.float64) + fine).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.jpg", quality=90)
    return list_images(folder)


def compare(paths: list[Path], processes: int) -> int:
    """Measure both in turn, print, and return 1 when the limit is missed."""
    rates: dict[str, list[float]] = {"plain Pillow": [], "zoo": []}
    with get_context("spawn").Pool(processes) as pool:
        for turn in range(ROUNDS):
            for name, measure in (("plain Pillow", plain_rate), ("zoo", our_rate)):
                jobs = [(paths, IMAGES // processes, turn * processes + process) for process in range(processes)]
                rates[name].append(sum(pool.starmap(measure, jobs, chunksize=1)))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratio = statistics.median(ours / plain for ours, plain in zip(rates["zoo"], rates["plain Pillow"], strict=True))
    for name, rate in middle.items():
        print(f"{name:14} {rate:7.1f} images/s")
    print(f"ratio {ratio:.2f}, limit {LIMIT}, {ROUNDS} rounds of {IMAGES} mosaics of {SIDE} x {SIDE} pixels")
    print(f"{len(paths)} JPEG files, {processes} processes")
    return 0 if ratio >= LIMIT else 1


def main() -> int:
    """Take the files from the command line, or write some."""
    folder, processes = [*sys.argv[1:], *("", "1")[len(sys.argv) - 1 :]]
    if folder:
        return compare(list_images(Path(folder)), int(processes))
    with tempfile.TemporaryDirectory() as name:
        return compare(write_photos(Path(name)), int(processes))


if __name__ == "__main__":
    sys.exit(main())
