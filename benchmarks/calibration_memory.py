"""Measure the peak memory of calibrating with few and with many images, onnxruntime's own calibrators beside it.

Each figure is the largest resident memory of a process of its own that does nothing but calibrate MobileNetV2 0.35 at
224 px on random images, made one by one. Percentile of onnxruntime keeps every activation of every image until the
end, so it gets fewer images; its Entropy gathers in the same way and needs the same memory.
Usage: python benchmarks/calibration_memory.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

LIMIT = 1.3
FEW, MANY, SOME = 32, 512, 128
SIDE = 224
CONFIG = """\
operation_mode: evaluation
use_case: classification
model: {model_name: mobilenetv2_a035_pt, input_shape: [3, 224, 224], num_classes: 10, pretrained: True}
dataset: {dataset_name: custom, test_path: ., workers: 0}
"""
OURS = [("zoo", method, FEW, MANY) for method in ("MinMax", "MSE")]
PEERS = [("onnxruntime", "MinMax", FEW, MANY), ("onnxruntime", "Percentile", FEW, SOME)]


class RandomImages:
    """Stream seeded noise of shape (1, 3, 224, 224)."""

    source = "random"
    names: tuple[str, ...] = ()
    skipped: tuple[Any, ...] = ()

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        """Return the number of images."""
        return self.count

    def __iter__(self) -> Iterator[Any]:
        """Yield the images, the same on every pass."""
        for index in range(self.count):
            generator = np.random.default_rng(index)
            yield generator.uniform(-2.0, 2.5, (1, 3, SIDE, SIDE)).astype(np.float32)


class Reader:
    """Give the images to onnxruntime one by one."""

    def __init__(self, count: int) -> None:
        self.images = iter(RandomImages(count))

    def get_next(self) -> dict[str, Any] | None:
        """Return the next input, `None` at the end."""
        image = next(self.images, None)
        return None if image is None else {"input": image}


class Silent:
    """Show no progress."""

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Silent]:
        """Yield a bar that stays invisible."""
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        """Do nothing."""


def calibrate_ours(model: Path, method: str, count: int) -> None:
    """Calibrate with the zoo."""
    from zoo_core.quantization.calibration import CalibrationOptions, collect_ranges

    with tempfile.TemporaryDirectory() as folder:
        collect_ranges(model, RandomImages(count), CalibrationOptions(method=method), Path(folder), Silent())


def calibrate_theirs(model: Path, method: str, count: int) -> None:
    """Calibrate with onnxruntime and its default options."""
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    with tempfile.TemporaryDirectory() as folder:
        calibrator = create_calibrator(
            model,
            augmented_model_path=str(Path(folder) / "augmented.onnx"),
            calibrate_method=CalibrationMethod[method],
        )
        calibrator.collect_data(Reader(count))
        calibrator.compute_data()


def measure_here(who: str, method: str, count: int, model: Path) -> None:
    """Calibrate in this process and print its peak memory in MiB."""
    import resource

    with redirect_stdout(sys.stderr):
        (calibrate_ours if who == "zoo" else calibrate_theirs)(model, method, count)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(peak / (1024 * 1024 if sys.platform == "darwin" else 1024)))


def run_apart(*arguments: object) -> str:
    """Return what this script prints in a process of its own.

    Linux hands the peak of the starting process down, so that one must stay small and loads no network.
    """
    command = [sys.executable, __file__, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}:\n{run.stderr[-2000:]}")
    return run.stdout


def export_model(folder: Path) -> None:
    """Write an untrained network that is ready for calibration and print its path."""
    from zoo_core.config.load import load_config
    from zoo_core.export.onnx_export import export_onnx
    from zoo_core.plugins import get_catalog
    from zoo_core.quantization.graph import prepare_graph
    from zoo_core.runs.layout import RunLayout
    from zoo_core.services.context import RunContext
    from zoo_core.training.silence import SilentProgress

    path = folder / "config.yaml"
    path.write_text(CONFIG)
    loaded = load_config(path, catalog=get_catalog())
    context = RunContext(loaded, RunLayout(folder), SilentProgress(), splits=frozenset(), seed=0)
    export_onnx(context.build_without_pretrained(), context.input, folder / "model.onnx", metadata={})
    print(json.dumps(str(prepare_graph(folder / "model.onnx", 17, folder))))


def main() -> int:
    """Measure, print, and return 1 when the limit is missed."""
    if sys.argv[1:2] == ["export"]:
        export_model(Path(sys.argv[2]))
        return 0
    if len(sys.argv) > 1:
        measure_here(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        return 0
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        model = json.loads(run_apart("export", name).splitlines()[-1])
        print(f"{'calibrator':<12} {'method':<11} {'images':>12} {'peak MiB':>15} {'ratio':>7}")
        for who, method, few, many in (*OURS, *PEERS):
            peaks = [float(run_apart(who, method, count, model)) for count in (few, many)]
            ratio = peaks[1] / peaks[0]
            counts, sizes = f"{few} -> {many}", f"{peaks[0]:.0f} -> {peaks[1]:.0f}"
            print(f"{who:<12} {method:<11} {counts:>12} {sizes:>15} {ratio:7.2f}", flush=True)
            if who == "zoo":
                ratios.append(ratio)
    print(f"largest ratio of the zoo {max(ratios):.2f}, limit {LIMIT}")
    return 0 if max(ratios) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
