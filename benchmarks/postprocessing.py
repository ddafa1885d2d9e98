"""Measure the time from a detector's outputs to what counts as found, image by image.

Batches of 8 images of 640 x 640 pixels with 80 classes and random objects, on two threads. About a tenth of the boxes
has a score above 0.001, the smallest that evaluation keeps. What is judged is the processor time of all threads
together: it is no less than the time on the clock of an idle machine, and other programs do not lengthen it.
Usage: python benchmarks/postprocessing.py [ROUNDS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from zoo_core.artifacts import InputSpec
from zoo_detection.families.base import Family
from zoo_detection.families.catalogue import find
from zoo_detection.postprocessing import PostProcessing

ROUNDS = 15
THREADS = 2
BATCH = 8
SIDE = 640
CLASSES = 80
STRIDES = (8, 16, 32)
OBJECTS = 12
CONFIDENCE, OVERLAP, LIMIT = 0.001, 0.5, 100
PASSING = 0.1
LIMIT_MS = 2.0
JUDGED = "st_yolod"

Arrays = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Scene:
    """Hold a batch of random scenes: for each cell the box of an object near it, and logits of the classes."""

    boxes: npt.NDArray[np.float32]
    """Shape (N, A, 4): centre and size in pixels."""
    logits: npt.NDArray[np.float32]
    """Shape (N, A, C), of probabilities of which the best passes 0.001 in a tenth of the cells."""
    places: npt.NDArray[np.float32]
    """Shape (A, 3): centre of the cell and stride in pixels."""


def logit(probability: float) -> float:
    """Return the number whose sigmoid is a probability."""
    return float(np.log(probability / (1 - probability)))


def make_scene(generator: np.random.Generator) -> Scene:
    """Return scenes with `OBJECTS` objects per image; cells near an object agree on it, the others are noise."""
    places = np.concatenate([cells(stride) for stride in STRIDES])
    count = len(places)
    centres = generator.uniform(40, SIDE - 40, (BATCH, OBJECTS, 2))
    sizes = np.exp(generator.uniform(np.log(20), np.log(300), (BATCH, OBJECTS, 2)))
    kinds = generator.integers(0, CLASSES, (BATCH, OBJECTS))
    distance = (np.abs(places[None, :, None, :2] - centres[:, None]) / sizes[:, None]).max(axis=3)
    nearest, near = distance.argmin(axis=2), distance.min(axis=2)
    images = np.arange(BATCH)[:, None]
    boxes = np.concatenate([centres[images, nearest], sizes[images, nearest]], axis=2)
    boxes[..., :2] += generator.normal(0, 0.08, (BATCH, count, 2)) * boxes[..., 2:]
    boxes[..., 2:] *= np.exp(generator.normal(0, 0.15, (BATCH, count, 2)))
    logits = generator.normal(-2.0, 1.5, (BATCH, count, CLASSES))
    np.put_along_axis(logits, kinds[images, nearest][..., None], (10 - 12 * near)[..., None], axis=2)
    logits += logit(CONFIDENCE) - np.quantile(logits.max(axis=2), 1 - PASSING)
    return Scene(boxes.astype(np.float32), logits.astype(np.float32), places)


def cells(stride: int) -> npt.NDArray[np.float32]:
    """Return centre and stride of every cell of one grid, row by row."""
    rows, columns = np.mgrid[: SIDE // stride, : SIDE // stride]
    place = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3) * stride
    place[:, :2] += stride // 2
    return place.astype(np.float32)


def as_yolod(scene: Scene) -> tuple[Family, Arrays]:
    """Return the raw outputs of ST_YOLOD; objectness and classes share the probability."""
    corner = scene.places[:, :2] - scene.places[:, 2:] / 2
    shifts = (scene.boxes[..., :2] - corner) / scene.places[:, 2:]
    sizes = np.log(scene.boxes[..., 2:] / scene.places[:, 2:])
    best = scene.logits.max(axis=2, keepdims=True)
    objectness = best + 0.2  # times sigmoid(1.5), small probabilities stay what they are
    classes = scene.logits - best + 1.5
    family = find("st_yolod").build(InputSpec(3, SIDE, SIDE), CLASSES)
    return family, [np.concatenate([shifts, sizes], axis=2), objectness, classes]


def as_yolov8(scene: Scene) -> tuple[Family, Arrays]:
    """Return the one output of YOLOv8 in ultralytics' layout."""
    rows = np.concatenate([scene.boxes, 1 / (1 + np.exp(-scene.logits))], axis=2)
    return find("yolov8").build(InputSpec(3, SIDE, SIDE), CLASSES), [np.ascontiguousarray(rows.transpose(0, 2, 1))]


def as_ssd(scene: Scene) -> tuple[Family, Arrays]:
    """Return the outputs of an SSD with as many priors as there are cells."""
    sizes = np.repeat(scene.places[:, 2:] * 4, 2, axis=1)
    priors = np.concatenate([scene.places[:, :2], sizes], axis=1) / SIDE
    shifts = (scene.boxes[..., :2] - scene.places[:, :2]) / sizes / 0.1
    deltas = np.concatenate([shifts, np.log(scene.boxes[..., 2:] / sizes) / 0.2], axis=2)
    probabilities = 1 / (1 + np.exp(-scene.logits.astype(np.float64)))
    background = np.log(np.clip(1 - probabilities.max(axis=2, keepdims=True), 1e-6, None))
    logits = np.concatenate([background, np.log(probabilities)], axis=2).astype(np.float32)
    family = find("ssd").build(InputSpec(3, SIDE, SIDE), CLASSES, priors=priors.astype(np.float32))
    return family, [deltas.astype(np.float32), logits]


def best_times(
    processing: PostProcessing, outputs: Sequence[npt.NDArray[np.float32]], rounds: int
) -> tuple[float, float]:
    """Return the shortest time of a batch on the clock and of the processor, in milliseconds per image."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter(), time.process_time()
        processing(outputs)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = (1000 * min(column) / BATCH for column in zip(*times[1:], strict=True))
    return clock, processor


def main() -> int:
    """Measure, print, and return 1 when the limit is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    torch.set_num_threads(THREADS)
    scene = make_scene(np.random.default_rng(0))
    judged = 0.0
    for name, make in (("st_yolod", as_yolod), ("yolov8", as_yolov8), ("ssd", as_ssd)):
        family, outputs = make(scene)
        processing = PostProcessing(family, confidence=CONFIDENCE, overlap=OVERLAP, limit=LIMIT)
        candidates = np.mean([len(one) for one in family.candidates(outputs, CONFIDENCE)])
        kept = np.mean([len(one) for one in processing(outputs)])
        clock, processor = best_times(processing, outputs, rounds)
        judged = processor if name == JUDGED else judged
        print(
            f"{name:9} {processor:6.2f} ms of the processor per image, {clock:6.2f} ms on the clock;"
            f" {candidates:5.0f} candidates, {kept:4.0f} kept"
        )
    print(f"{JUDGED}: {judged / LIMIT_MS:.2f} of the limit of {LIMIT_MS} ms; batches of {BATCH}, best of {rounds}")
    return 0 if judged <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
