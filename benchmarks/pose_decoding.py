"""Measure the time from heat maps to keypoints, and compare it with a plain loop over the maps.

Batches of 32 images with 17 maps of 64 x 64 pixels, hills with noise, on one core. What is judged is the processor time
of the slowest decoding, of maps in the order of torch; it must be at most 0.2 ms for each image.
Usage: python benchmarks/pose_decoding.py [ROUNDS]
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np
import numpy.typing as npt

from zoo_core.artifacts import InputSpec
from zoo_pose.families.heatmaps_spe import HeatmapsFamily

ROUNDS = 20
BATCH, KEYPOINTS, SIDE = 32, 17, 64
STRIDE = 4
SIGMA, NOISE = 1.5, 0.02
LIMIT_MS = 0.2

Array = npt.NDArray[np.float32]


def make_maps(generator: np.random.Generator) -> tuple[Array, Array]:
    """Return noisy heat maps (N, K, H, W) and the places (N, K, 2) of their hills in pixels of the image."""
    places = generator.uniform(4, SIDE - 5, (BATCH, KEYPOINTS, 2))
    across, down = (np.exp(-((np.arange(SIDE) - places[..., axis, None]) ** 2) / (2 * SIGMA**2)) for axis in (0, 1))
    maps = 0.9 * down[..., :, None] * across[..., None, :]
    maps += generator.uniform(0, NOISE, maps.shape)
    return maps.astype(np.float32), ((places + 0.5) * STRIDE).astype(np.float32)


def plain_loop(maps: Array) -> Array:
    """Return the keypoints of a batch by the method of a quarter of a pixel, one map after the other."""
    found = np.zeros((*maps.shape[:2], 2), np.float32)
    for image, one in enumerate(maps):
        for keypoint, heat in enumerate(one):
            row, column = np.unravel_index(heat.argmax(), heat.shape)
            place = np.array([column, row], np.float32)
            if 0 < column < SIDE - 1:
                place[0] += 0.25 * np.sign(heat[row, column + 1] - heat[row, column - 1])
            if 0 < row < SIDE - 1:
                place[1] += 0.25 * np.sign(heat[row + 1, column] - heat[row - 1, column])
            found[image, keypoint] = (place + 0.5) * STRIDE
    return found


def best_times(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the shortest time of a batch on the clock and of the processor, in milliseconds per image."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = (1000 * min(column) / BATCH for column in zip(*times[1:], strict=True))
    return clock, processor


def main() -> int:
    """Measure, print, and return 1 when the limit is missed."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    maps, truth = make_maps(np.random.default_rng(0))
    orders = {"maps first": maps, "maps last": np.ascontiguousarray(np.moveaxis(maps, 1, 3))}
    judged = 0.0
    for name in ("argmax", "quarter", "dark"):
        family = HeatmapsFamily(InputSpec(3, SIDE * STRIDE, SIDE * STRIDE), KEYPOINTS, decoding=name)
        for order, values in orders.items():

            def read(family: HeatmapsFamily = family, values: Array = values) -> Array:
                poses = family.poses([values], confidence=0.0, overlap=0.5, limit=1)
                return np.concatenate([one.points for one in poses])

            clock, processor = best_times(read, rounds)
            error = np.linalg.norm(read() - truth, axis=-1).mean() / STRIDE
            judged = max(judged, processor) if order == "maps first" else judged
            print(
                f"{name:8} {order:11} {processor:6.3f} ms of the processor per image, {clock:6.3f} ms on the clock;"
                f" off by {error:.3f} pixels of the heat map"
            )
    clock, processor = best_times(lambda: plain_loop(maps), max(rounds // 4, 1))
    print(f"plain loop, quarter  {processor:6.3f} ms of the processor per image, {clock:6.3f} ms on the clock")
    print(f"slowest: {judged / LIMIT_MS:.2f} of the limit of {LIMIT_MS} ms; batches of {BATCH}, best of {rounds}")
    return 0 if judged <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
