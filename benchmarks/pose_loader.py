"""Measure whether one loader process keeps up with the training of a MobileNetV2 of half width at 192 pixels.

The loader reads JPEG files, brings them to 192 x 192 pixels and does all that ST's page on pose estimation does to
training images: contrast, brightness, blur, mirror, rotation. The training is that of st_movenet_lightning_heatmaps
with alpha 0.5, 17 keypoints, batches of 32, Adam, in float32. Each has one core. The ratio of their images per second
must be at least 1. Without a folder, pictures of 640 x 480 pixels are made: the size of COCO's photos.
Usage: python benchmarks/pose_loader.py [FOLDER OF JPEG FILES]
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.images import list_images, read_image
from zoo_core.data.loader import TrainItems
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import Sample
from zoo_pose.augmentation.transform import TrainTransform
from zoo_pose.config.augmentation import PoseAugmentationSection
from zoo_pose.config.training import HeatmapsSection
from zoo_pose.labels import PoseLabels, collate_poses
from zoo_pose.loss.criterion import HeatmapLoss
from zoo_pose.models.heatmaps import HeatmapNetwork, pyramid_width
from zoo_pose.models.movenet import TappedMobileNetV2
from zoo_pose.skeletons import known

ROUNDS = 5
LIMIT = 1.0
SIDE, KEYPOINTS, ALPHA = 192, 17, 0.5
BATCH, STEPS, IMAGES, MADE = 32, 3, 96, 24
WIDTH, HEIGHT = 640, 480
PREPROCESSING = ImagePreprocessing(input=InputSpec(3, SIDE, SIDE))
AUGMENTATION = {
    "random_contrast": {"factor": 0.4},
    "random_brightness": {"factor": 0.3},
    "random_blur": {"filter_size": (2, 4), "change_rate": 0.5},
    "random_flip": {"mode": "horizontal"},
    "random_rotation": {"factor": (-0.1, 0.1)},
}


class Photos:
    """Give JPEG files with one random pose each."""

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.targets = [random_pose(path, number) for number, path in enumerate(paths)]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        return Sample(read_image(self.paths[index]), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        """Return the path of one file."""
        return str(self.paths[index])


def random_pose(path: Path, seed: int) -> PoseLabels:
    """Return a pose with all keypoints inside the image."""
    with Image.open(path) as image:
        width, height = image.size
    points = np.random.default_rng(seed).uniform(0.2, 0.8, (1, KEYPOINTS, 2)) * (width, height)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    return PoseLabels(
        points=points,
        visible=np.full((1, KEYPOINTS), 2),
        boxes=boxes,
        areas=0.53 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1),
        crowd=np.zeros(1, bool),
        width=width,
        height=height,
    )


def make_photos(folder: Path) -> list[Path]:
    """Write smooth random pictures with some noise as JPEG files."""
    draws = np.random.default_rng(0)
    paths = []
    for number in range(MADE):
        coarse = Image.fromarray(draws.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
        noisy = smooth + draws.normal(0, 8, smooth.shape)
        paths.append(folder / f"{number:03}.jpg")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=92)
    return paths


def loading_rate(items: TrainItems, images: int) -> float:
    """Return images per second of one loader process."""
    start = time.perf_counter()
    for number in range(IMAGES):
        items[(0, number % images, number)]
    return IMAGES / (time.perf_counter() - start)


class Training:
    """Take training steps on one batch."""

    def __init__(self, labels: list[PoseLabels]) -> None:
        torch.manual_seed(0)
        self.model = HeatmapNetwork(TappedMobileNetV2(ALPHA, 3), KEYPOINTS, width=pyramid_width(ALPHA)).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3)
        self.criterion = HeatmapLoss(HeatmapsSection())
        self.images = torch.randn(BATCH, *PREPROCESSING.input.shape)
        chosen = [labels[number % len(labels)] for number in range(BATCH)]
        self.targets = collate_poses(chosen, PREPROCESSING, KEYPOINTS)

    def rate(self) -> float:
        """Return images per second."""
        start = time.perf_counter()
        for _ in range(STEPS):
            self.optimizer.zero_grad()
            self.criterion(self.model(self.images), self.targets)["loss"].backward()
            self.optimizer.step()
        return STEPS * BATCH / (time.perf_counter() - start)


def measure(paths: list[Path]) -> int:
    """Print the rates and return 1 when the loader is slower than the training."""
    dataset = Photos(paths)
    section = PoseAugmentationSection.model_validate(AUGMENTATION)
    items = TrainItems(dataset, TrainTransform(PREPROCESSING, section, known(KEYPOINTS).partners), seed=0)
    training = Training(dataset.targets)
    loading_rate(items, len(dataset))
    training.rate()
    rounds = [(loading_rate(items, len(dataset)), training.rate()) for _ in range(ROUNDS)]
    ratio = statistics.median(loader / trained for loader, trained in rounds)
    loader, trained = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(f"loader    {loader:7.1f} images/s")
    print(f"training  {trained:7.1f} images/s")
    print(f"ratio     {ratio:7.3f}  (limit: at least {LIMIT})")
    return int(ratio < LIMIT)


def main() -> int:
    """Take the files of a folder, or make some."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        return measure([Path(path) for path in list_images(Path(sys.argv[1]))])
    with tempfile.TemporaryDirectory() as folder:
        return measure(make_photos(Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
