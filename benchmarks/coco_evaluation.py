"""Measure the evaluation of detections against pycocotools' own `evaluate` and `accumulate` on the same boxes.

Ours runs from detections in pixels of the originals to all metrics, ST's among them; theirs starts with dictionaries
that lie ready in memory. Both are judged by the time of the processor, which other programs do not lengthen, and both
must find the same average precision. Usage: python benchmarks/coco_evaluation.py [ROUNDS [IMAGES]]
"""

from __future__ import annotations

import gc
import io
import resource
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_detection.detections import Detections
from zoo_detection.evaluator import DetectionEvaluator
from zoo_detection.families.catalogue import find
from zoo_detection.labels import BoxLabels
from zoo_detection.metrics.coco_results import as_corner_and_size, result_rows
from zoo_detection.metrics.records import ImageRecord, Tables
from zoo_detection.postprocessing import PostProcessing

ROUNDS = 2
IMAGES = 5000
DETECTIONS = 100
CLASSES = 80
WIDTH, HEIGHT = 640, 480
MEAN_BOXES = 7.3
"""Boxes per image of COCO's validation set, on average."""
CROWDS = 0.01
"""Share of crowds among the boxes."""
LIMIT = 1.1
INPUT = InputSpec(3, 640, 640)


def make_image(number: int, generator: np.random.Generator) -> tuple[BoxLabels, Detections]:
    """Return the labels of one image and 100 detections: half near true boxes, half anywhere."""
    count = int(generator.poisson(MEAN_BOXES))
    size = np.array([WIDTH, HEIGHT])
    boxes = anywhere(count, size, generator)
    classes = generator.integers(0, CLASSES, count)
    crowd = generator.uniform(0, 1, count) < CROWDS
    labels = BoxLabels.of(boxes, classes, (WIDTH, HEIGHT), crowd=crowd, image_id=number + 1)
    near = generator.integers(0, count, DETECTIONS // 2 if count else 0)
    moved = boxes[near] + generator.normal(0, 0.07, (len(near), 4)) * np.tile(boxes[near, 2:] - boxes[near, :2], 2)
    others = DETECTIONS - len(near)
    found = np.concatenate([moved, anywhere(others, size, generator)])
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    kinds = np.concatenate([classes[near], generator.integers(0, CLASSES, others)])
    scores = np.concatenate([generator.beta(2, 2, len(near)), generator.beta(1, 4, others)])
    order = np.argsort(-scores)
    detections = Detections(
        boxes=np.clip(found, 0, np.tile(size, 2))[order].astype(np.float32),
        scores=scores[order].astype(np.float32),
        classes=kinds[order].astype(np.int64),
    )
    return labels, detections


def anywhere(count: int, size: Any, generator: np.random.Generator) -> Any:
    """Return boxes of all sizes within an image of (width, height), shape (count, 4)."""
    sides = np.exp(generator.uniform(np.log(8), np.log(400), (count, 2)))
    corners = generator.uniform(0, 1, (count, 2)) * np.maximum(size - sides, 1)
    return np.concatenate([corners, np.minimum(corners + sides, size)], axis=1).round(2)


def as_dictionaries(labels: list[BoxLabels], found: list[Detections]) -> tuple[COCO, COCO]:
    """Return the objects that pycocotools makes of the files of the data set and of the results."""
    records = [ImageRecord(labels=one, found=boxes) for one, boxes in zip(labels, found, strict=True)]
    tables = Tables(tuple(records), CLASSES)
    true = tables.true
    columns = (
        tables.image_ids[true.images].tolist(),
        (true.classes + 1).tolist(),
        as_corner_and_size(true.boxes).tolist(),
        true.areas.tolist(),
        true.crowd.tolist(),
    )
    rows = [
        {"id": number, "image_id": image, "category_id": category, "bbox": box, "area": area, "iscrowd": int(crowd)}
        for number, (image, category, box, area, crowd) in enumerate(zip(*columns, strict=True), start=1)
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": one.image_id, "width": WIDTH, "height": HEIGHT} for one in labels],
        "annotations": rows,
        "categories": [{"id": number} for number in range(1, CLASSES + 1)],
    }
    truth.createIndex()
    return truth, truth.loadRes(result_rows(tables))


def theirs(truth: COCO, results: COCO) -> COCOeval:
    """Run pycocotools as it is."""
    evaluation = COCOeval(truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def ours(labels: list[BoxLabels], found: list[Detections]) -> float:
    """Run our evaluator and return its average precision."""
    postprocessing = PostProcessing(find("yolov8").build(INPUT, CLASSES), confidence=0.001, overlap=0.5, limit=100)
    names = [f"class {number}" for number in range(CLASSES)]
    evaluator = DetectionEvaluator(postprocessing, ImagePreprocessing(input=INPUT), names, iou=0.5, plot=False)
    for start in range(0, len(labels), 32):
        evaluator.add(found[start : start + 32], labels[start : start + 32])
    return {metric.name: metric.value for metric in evaluator.compute()}["map"]


def timed(run: Callable[..., Any], *arguments: Any) -> tuple[Any, float, float]:
    """Return the result of a call, and its seconds of the processor and on the clock."""
    gc.collect()
    started = time.process_time(), time.perf_counter()
    result = run(*arguments)
    return result, time.process_time() - started[0], time.perf_counter() - started[1]


def main() -> int:
    """Measure, print, and return 1 when the limit is missed or the results differ."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    images = int(sys.argv[2]) if len(sys.argv) > 2 else IMAGES  # noqa: PLR2004 - the second argument
    generator = np.random.default_rng(0)
    made = [make_image(number, generator) for number in range(images)]
    labels, found = [one for one, _ in made], [boxes for _, boxes in made]
    own, peer, clock_own, clock_peer, memory = [], [], [], [], []
    for _ in range(rounds):
        result, processor, clock = timed(ours, labels, found)
        own.append(processor)
        clock_own.append(clock)
        memory.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        with redirect_stdout(io.StringIO()):
            pair = as_dictionaries(labels, found)
            evaluation, processor, clock = timed(theirs, *pair)
            evaluation.summarize()
        peer.append(processor)
        clock_peer.append(clock)
        same = result == 100 * evaluation.stats[0]
        del evaluation, pair
    print(f"pycocotools  {min(peer):7.1f} s of the processor, {min(clock_peer):7.1f} s on the clock")
    print(f"zoo          {min(own):7.1f} s of the processor, {min(clock_own):7.1f} s on the clock")
    print(f"memory of our process after the first evaluation: {memory[0]:.2f} GiB at most")
    ratio = min(own) / min(peer)
    print(f"ratio {ratio:.3f}, limit {LIMIT}; {images} images x {DETECTIONS} detections, best of {rounds}")
    print(f"average precision {result:.4f} %, {'the same' if same else 'NOT the same'} as pycocotools'")
    return 0 if ratio <= LIMIT and same else 1


if __name__ == "__main__":
    sys.exit(main())
