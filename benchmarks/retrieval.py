"""Measure the time and the memory from embeddings to mAP, mINP and cumulative matches on a set of Market-1501's size.

3,368 queries and a gallery of 15,913 pictures, 2,798 of them of persons nobody searches for; 750 persons, 6 cameras,
512 numbers per embedding, drawn at random so that mAP is neither 0 nor 1. Each way runs in a process of its own:

* ours: `zoo_reid.metrics.ranking.rank`, block by block;
* matrix: torchreid's way, written anew: the whole matrix of distances, all rows sorted, a Python loop over queries;
* loops: two Python loops around numpy for the distances alone, timed for a few queries and scaled up to all.

The seconds are those on the clock, the best of some rounds; the memory is what was resident before the search, and how
much more it was at most (Linux alone).
Usage: python benchmarks/retrieval.py [ROUNDS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoo_reid.metrics.features import Features
from zoo_reid.metrics.ranking import rank

ROUNDS = 3
THREADS = 2
QUERIES, PICTURES, DISTRACTORS = 3368, 15913, 2798
PERSONS, CAMERAS, SIZE = 750, 6, 512
SPREAD = 2.4
LOOPED = 4
WARM_UP = 64
TOLERANCE = 1e-4
MIB = 1024

Metrics = dict[str, float]


def make(seed: int, count: int, distractors: int, centres: np.ndarray) -> Features:
    """Return pictures of random persons; the last ones show person -1, whom nobody searches for."""
    generator = np.random.default_rng(seed)
    persons = generator.integers(0, PERSONS, count)
    vectors = centres[persons] + SPREAD * generator.standard_normal((count, SIZE), dtype=np.float32)
    if distractors:
        persons[-distractors:] = -1
        vectors[-distractors:] = SPREAD * generator.standard_normal((distractors, SIZE), dtype=np.float32)
    return Features(vectors, persons, generator.integers(0, CAMERAS, count))


def ours(query: Features, gallery: Features) -> Metrics:
    """Return the metrics of zoo."""
    found = rank(query, gallery, distance="cosine", same_camera="exclude", same_set=False)
    curve = found.cumulative_matches()
    return {
        "map": found.mean_average_precision,
        "minp": found.mean_inverse_penalty,
        "rank1": float(curve[0]),
        "rank10": float(curve[9]),
    }


def matrix(query: Features, gallery: Features) -> Metrics:
    """Return the same metrics from the whole matrix."""
    one, other = (torch.nn.functional.normalize(torch.from_numpy(side.vectors)) for side in (query, gallery))
    distances = (1 - one @ other.T).numpy()
    order = np.argsort(distances, axis=1)
    right = gallery.identities[order] == query.identities[:, None]
    precisions, penalties, firsts = [], [], []
    for number in range(len(query)):
        person, camera = query.identities[number], query.cameras[number]
        places = order[number]
        kept = ~((gallery.identities[places] == person) & (gallery.cameras[places] == camera))
        hits = right[number][kept]
        if hits.any():
            precision = hits.cumsum() / np.arange(1, len(hits) + 1)
            precisions.append((precision * hits).sum() / hits.sum())
            found = np.flatnonzero(hits)
            penalties.append(len(found) / (found[-1] + 1))
            firsts.append(found[0])
    return {
        "map": float(np.mean(precisions)),
        "minp": float(np.mean(penalties)),
        "rank1": float(np.mean(np.array(firsts) < 1)),
        "rank10": float(np.mean(np.array(firsts) < 10)),  # noqa: PLR2004
    }


def loops(query: Features, gallery: Features) -> Metrics:
    """Compute the distances of some queries, pair by pair."""
    distances = np.empty((LOOPED, len(gallery)))
    for row in range(LOOPED):
        one = query.vectors[row]
        for column, other in enumerate(gallery.vectors):
            distances[row, column] = 1 - one @ other / np.sqrt((one @ one) * (other @ other))
    return {}


WAYS: dict[str, Callable[[Features, Features], Metrics]] = {"ours": ours, "matrix": matrix, "loops": loops}


def measure(way: str, rounds: int) -> None:
    """Print what one way takes and gives."""
    torch.set_num_threads(THREADS)
    centres = np.random.default_rng(0).standard_normal((PERSONS, SIZE), dtype=np.float32)
    query, gallery = make(1, QUERIES, 0, centres), make(2, PICTURES, DISTRACTORS, centres)
    WAYS[way](make(3, WARM_UP, 0, centres), gallery)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the largest memory so far
    before = resident("VmRSS")
    seconds, metrics = [], {}
    for _ in range(rounds):
        started = time.perf_counter()
        metrics = WAYS[way](query, gallery)
        seconds.append(time.perf_counter() - started)
    more = resident("VmHWM") - before
    print(json.dumps({"seconds": min(seconds), "metrics": metrics, "before": before, "more": more}))


def resident(key: str) -> float:
    """Return a number of this process's memory in MiB: `VmRSS` is resident now, `VmHWM` was at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / MIB


def run(way: str, rounds: int) -> dict[str, Any]:
    """Return what a process of its own measures."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(THREADS))
    done = subprocess.run(
        [sys.executable, __file__, way, str(rounds)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> int:
    """Measure, print, and return 1 when the metrics differ or ours is not the fastest."""
    if len(sys.argv) > 1 and sys.argv[1] in WAYS:
        measure(sys.argv[1], int(sys.argv[2]))
        return 0
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    results = {way: run(way, rounds if way != "loops" else 1) for way in WAYS}
    results["loops"]["seconds"] *= QUERIES / LOOPED
    for way, result in results.items():
        ratio = result["seconds"] / results["ours"]["seconds"]
        metrics = ", ".join(f"{name} {100 * value:.3f} %" for name, value in result["metrics"].items())
        print(
            f"{way:7} {result['seconds']:8.2f} s, {ratio:6.1f} times ours; {result['before']:4.0f} MiB before,"
            f" {result['more']:5.0f} MiB more; {metrics or 'distances only, scaled up'}"
        )
    one, other = (results[way]["metrics"] for way in ("ours", "matrix"))
    apart = max(abs(one[name] - other[name]) for name in one)
    print(f"largest difference of a metric: {100 * apart:.5f} points; {THREADS} threads, best of {rounds}")
    return 0 if apart <= TOLERANCE and results["matrix"]["seconds"] > results["ours"]["seconds"] else 1


if __name__ == "__main__":
    sys.exit(main())
