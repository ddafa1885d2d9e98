"""Measure object keypoint similarities against a plain loop, and what a whole evaluation of poses takes per image.

First the similarity of many poses in pairs and of the 20 found with the 5 true ones of every image, ours against
Python loops that do the same number by number; both must find the same. Then the evaluator from poses in pixels to
all metrics for one pose on each image and for several, with the share of it that is spent inside pycocotools.
Usage: python benchmarks/pose_similarity.py [POSES]
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.config.evaluation import PoseEvaluationSection
from zoo_pose.evaluator import PoseEvaluator
from zoo_pose.labels import PoseLabels
from zoo_pose.metrics import coco_keypoints
from zoo_pose.metrics.similarity import pair_similarity, similarity_matrix
from zoo_pose.poses import Poses
from zoo_pose.postprocessing import PosePostProcessing
from zoo_pose.skeletons import known

POSES = 5000
KEYPOINTS = 17
FOUND, TRUE = 20, 5
"""Poses of each image where there are several."""
SIZE = 640
LIMIT = 0.2
"""Milliseconds per image for the evaluation of one pose."""
SPREAD = 8.0
"""Pixels that found keypoints lie from the true ones."""


def loop_similarity(found: Any, true: Any, labelled: Any, area: float, sigmas: Any) -> float:
    """Return the similarity of two poses, number by number."""
    total, count = 0.0, 0
    for (x, y), (u, v), known_one, sigma in zip(found, true, labelled, sigmas, strict=True):
        if known_one:
            total += math.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * area * (2 * sigma) ** 2))
            count += 1
    return total / count if count else 0.0


def make(count: int, found: int, true: int, generator: np.random.Generator) -> tuple[list[PoseLabels], list[Poses]]:
    """Return the labels of images with so many true poses each, and found poses around them."""
    labels, poses = [], []
    for number in range(count):
        corners, sides = generator.uniform(0, 400, (true, 1, 2)), generator.uniform(60, 240, (true, 1, 2))
        points = corners + generator.uniform(0, 1, (true, KEYPOINTS, 2)) * sides
        boxes = np.concatenate([corners, corners + sides], axis=2)[:, 0]
        labels.append(
            PoseLabels(
                points=points,
                visible=generator.choice([0, 1, 2], (true, KEYPOINTS), p=[0.2, 0.2, 0.6]),
                boxes=boxes,
                areas=0.5 * sides.prod(axis=2)[:, 0],
                crowd=np.zeros(true, bool),
                width=SIZE,
                height=SIZE,
                image_id=number + 1,
            )
        )
        near = points[generator.integers(0, true, found)] + generator.normal(0, SPREAD, (found, KEYPOINTS, 2))
        scores = np.sort(generator.uniform(0, 1, found).astype(np.float32))[::-1]
        confidences = generator.uniform(0, 1, (found, KEYPOINTS)).astype(np.float32)
        poses.append(Poses(points=near.astype(np.float32), confidences=confidences, scores=scores))
    return labels, poses


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a call and the shortest of three times in seconds of the processor."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def compare_pairs(labels: list[PoseLabels], found: list[Poses], sigmas: Any) -> bool:
    """Compare one pair per image; return whether both ways agree."""
    points = np.concatenate([one.points for one in found]).astype(np.float64)
    true = np.concatenate([one.points for one in labels])
    labelled = np.concatenate([one.labelled for one in labels])
    areas = np.concatenate([one.areas for one in labels])
    ours, fast = timed(lambda: pair_similarity(points, true, labelled, areas, sigmas))
    lists = points.tolist(), true.tolist(), labelled.tolist(), areas.tolist()
    theirs, slow = timed(lambda: [loop_similarity(*row, sigmas.tolist()) for row in zip(*lists, strict=True)])
    return report(f"{len(points)} pairs", ours, theirs, (fast, slow), len(points))


def compare_matrices(labels: list[PoseLabels], found: list[Poses], sigmas: Any) -> bool:
    """Compare all found with all true poses of each image; return whether both ways agree."""

    def fast() -> Any:
        return np.array(
            [
                similarity_matrix(one.points.astype(np.float64), true.points, true.labelled, true.areas, sigmas)
                for one, true in zip(found, labels, strict=True)
            ]
        )

    def slow() -> Any:
        return [
            [
                [
                    loop_similarity(pose, *row, sigmas.tolist())
                    for row in zip(true.points.tolist(), true.labelled.tolist(), true.areas.tolist(), strict=True)
                ]
                for pose in one.points.tolist()
            ]
            for one, true in zip(found, labels, strict=True)
        ]

    (ours, quick), (theirs, long) = timed(fast), timed(slow)
    return report(f"{len(labels)} matrices of {FOUND} x {TRUE}", ours, theirs, (quick, long), len(labels))


def report(what: str, ours: Any, theirs: Any, seconds: tuple[float, float], count: int) -> bool:
    """Print the times of both ways, ours first; return whether the numbers agree."""
    fast, slow = seconds
    same = bool(np.allclose(ours, theirs, rtol=1e-9, atol=1e-12))
    print(
        f"{what}: ours {1e3 * fast / count:.4f} ms each, loop {1e3 * slow / count:.4f} ms each, "
        f"{slow / fast:.0f} times faster; {'the same' if same else 'DIFFERENT'} numbers"
    )
    return same


class NoFamily:
    """Stand in for what reads outputs; the benchmark starts with poses."""

    name, multiple = "none", True


def evaluate(labels: list[PoseLabels], found: list[Poses], *, multiple: bool) -> float:
    """Evaluate everything, print the times per image, and return the milliseconds of each."""
    inside = [0.0]
    measure = coco_keypoints.KeypointEvaluation

    class Timed(measure):
        """Add up the time that pycocotools takes."""

        def evaluate(self) -> None:
            self._timed(super().evaluate)

        def accumulate(self, p: Any = None) -> None:
            self._timed(super().accumulate, p)

        def _timed(self, method: Callable[..., None], *arguments: Any) -> None:
            start = time.process_time()
            method(*arguments)
            inside[0] += time.process_time() - start

    def run() -> tuple[Any, float, float]:
        inside[0] = 0.0
        postprocessing = PosePostProcessing(NoFamily(), confidence=0.001, overlap=0.5, limit=20)
        preprocessing = ImagePreprocessing(input=InputSpec(3, SIZE, SIZE))
        section = PoseEvaluationSection()
        judge = PoseEvaluator(postprocessing, preprocessing, known(KEYPOINTS), section, multiple=multiple, plot=False)
        start = time.process_time()
        judge.add(found, labels)
        metrics = judge.compute()
        judge.per_class()
        return metrics, time.process_time() - start, inside[0]

    coco_keypoints.KeypointEvaluation = Timed
    metrics, seconds, coco = min((run() for _ in range(3)), key=lambda one: one[1])
    coco_keypoints.KeypointEvaluation = measure
    each = 1e3 * seconds / len(labels)
    print(
        f"evaluation of {len(labels)} images, {len(found[0])} found and {len(labels[0])} true poses each: "
        f"{each:.3f} ms per image, of which pycocotools {100 * coco / seconds:.0f} %; "
        + ", ".join(f"{metric.name} {metric.value:.3f}" for metric in metrics)
    )
    return each


def main() -> int:
    """Measure, print, and return 1 when numbers differ or the limit is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else POSES
    generator = np.random.default_rng(0)
    sigmas = np.array(known(KEYPOINTS).sigmas)
    single, several = make(count, 1, 1, generator), make(count // 10, FOUND, TRUE, generator)
    same = compare_pairs(*single, sigmas) and compare_matrices(*several, sigmas)
    each = evaluate(*single, multiple=False)
    evaluate(*several, multiple=True)
    print(f"limit {LIMIT} ms per image for one pose")
    return 0 if same and each <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
