"""Measure what trackers and the report add to a training of about one minute, started as users start it.

The same `zoo run` goes without any tracker and without report, and with the report and every tracker that is installed:
TensorBoard, MLflow into a local database, ClearML and Weights & Biases offline. Both go in turn and change places every
round. What counts is the median of the differences within the rounds: two neighbours find the machine in nearly the
same state, while on a shared one runs of the same kind differ by a fifth over half an hour. The range printed beside it
is where that median lies in nine of ten resamplings of the rounds. Choose `--epochs` so that the plain run takes about
a minute.
Usage: python benchmarks/tracker_overhead.py [--rounds N] [--epochs N] [--chain MODE] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import util
from pathlib import Path

LIMIT = 0.03
RESAMPLINGS = 10_000
CONFIG = """\
use_case: classification
general: {project_name: overhead}
model: {model_name: resnet8, input_shape: [3, 32, 32]}
dataset: {dataset_name: digits, workers: 0}
preprocessing: {color_mode: rgb}
training:
  batch_size: 64
  optimizer: {opt: sgd, momentum: 0.9}
  lr_scheduler: {lr: 0.05, warmup_epochs: 0}
"""
PLAIN = ("training.log_tb=False", "training.log_wandb=False", "general.report=False")
TRACKERS = {
    "tensorboard": ("tensorboardX", "training.log_tb=True"),
    "mlflow": ("mlflow", "mlflow.uri=FOLDER/mlruns"),
    "clearml": ("clearml", ""),
    "wandb": ("wandb", "training.log_wandb=True"),
}
"""Tracker -> the package it needs, and the key by which a run asks for it."""


def run(folder: Path, name: str, keys: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of the clock and of the processor that one run takes, its child processes included."""
    command = [sys.executable, "-m", "zoo_core", "run", str(folder / "config.yaml"), f"hydra.run.dir={folder / name}"]
    with (folder / f"{name}.log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen([*command, *keys], stdout=log, stderr=log, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    told = (folder / f"{name}.log").read_text()
    if process.returncode != 0 or "is left out" in told:
        sys.exit(f"{' '.join(command)} did not do its work:\n{told}")
    return seconds, usage.ru_utime + usage.ru_stime


def _range_of_median(values: list[float]) -> tuple[float, float]:
    """Return the 5th and the 95th percentile of the median, by the bootstrap (B. Efron, 1979)."""
    draw = random.Random(0)  # noqa: S311 - statistics, no secret
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(RESAMPLINGS))
    return medians[RESAMPLINGS // 20], medians[-(RESAMPLINGS // 20)]


def main() -> int:
    """Measure, print, and return 1 when the limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--chain", default="training")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    installed = {name: key for name, (package, key) in TRACKERS.items() if util.find_spec(package)}
    print(f"trackers: {', '.join(installed)}", flush=True)
    clock: dict[str, list[float]] = {"plain": [], "tracked": []}
    processor: dict[str, list[float]] = {"plain": [], "tracked": []}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "config.yaml").write_text(CONFIG)
        same = [f"operation_mode={asked.chain}", f"training.epochs={asked.epochs}", f"general.seed={asked.seed}"]
        tracked = [key.replace("FOLDER", made) for key in installed.values() if key]
        keys = {"plain": [*same, *PLAIN], "tracked": [*same, *tracked]}
        quiet = {"CLEARML_CONFIG_FILE": f"{made}/absent.conf", "CLEARML_OFFLINE_MODE": "", "WANDB_MODE": "offline"}
        offline = {**quiet, "CLEARML_OFFLINE_MODE": "1", "CLEARML_CACHE_DIR": f"{made}/clearml"}
        environments = {"plain": quiet, "tracked": offline if "clearml" in installed else quiet}
        run(folder, "warm", ["operation_mode=training", "training.epochs=1", *PLAIN], quiet)
        for turn in range(asked.rounds):
            for which in ("plain", "tracked") if turn % 2 == 0 else ("tracked", "plain"):
                seconds, used = run(folder, f"{which}_{turn}", keys[which], environments[which])
                clock[which].append(seconds)
                processor[which].append(used)
                print(f"round {turn + 1}  {which:8} {seconds:6.1f} s, processor {used:6.1f} s", flush=True)
    for which, taken in clock.items():
        middle, used = statistics.median(taken), statistics.median(processor[which])
        print(f"{which:8} median {middle:6.1f} s, processor {used:6.1f} s")
    shares = [(tracked - plain) / plain for plain, tracked in zip(clock["plain"], clock["tracked"], strict=True)]
    share, (low, high) = statistics.median(shares), _range_of_median(shares)
    print(f"share {share:+.1%} ({low:+.1%} to {high:+.1%}), limit {LIMIT:.0%}, {asked.rounds} rounds")
    return 0 if share <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
