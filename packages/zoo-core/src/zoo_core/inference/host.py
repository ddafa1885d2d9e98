"""Own the target `host`: latency, throughput, size and memory of a model on this machine, through onnxruntime."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from zoo_core.artifacts import OnnxModel
from zoo_core.export.onnx_file import OnnxInfo, inspect_onnx, load_onnx
from zoo_core.export.runtime import available_cores, open_runtime
from zoo_core.inference.cost import count_macs, count_parameters
from zoo_core.inference.machine import cpu_name
from zoo_core.inference.memory import METHOD, measure_peak_memory
from zoo_core.inference.session import OnnxSession, as_model_input, refuse_other_types
from zoo_core.protocols import Progress
from zoo_core.results import BenchmarkResult, MetricValue
from zoo_core.specs import BENCHMARK, INFER

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig

NAME = "host"
MEASURING_SECONDS = 3.0
WARM_UP_SHARE = 0.2
WARM_UP_RUNS = 3
FEWEST_RUNS = 10
MOST_RUNS = 1000
SEED = 0


def build(config: RunConfig) -> HostTarget:
    """Build the target with the number of threads the configuration asks for."""
    return HostTarget(threads=config.general.num_threads)


class HostTarget:
    """Measure and run models on this machine's CPU."""

    def __init__(self, *, threads: int | None = None, seconds: float = MEASURING_SECONDS) -> None:
        self.threads = threads or available_cores()
        self._seconds = seconds

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return why this machine cannot serve; it can always be measured on and compute."""
        return () if purpose in (BENCHMARK, INFER) else (f"this machine cannot {purpose}, only benchmark and infer",)

    def open(self, model: OnnxModel, progress: Progress) -> OnnxSession:
        """Return a session that computes on this machine."""
        del progress
        return OnnxSession(model.path, threads=self.threads)

    def benchmark(self, model: OnnxModel, directory: Path, progress: Progress) -> BenchmarkResult:
        """Return latency of one inference after warm-up, throughput, file size, parameters, MACs and peak memory.

        A model whose batch size is free is measured with one image at a time. No file is written.

        Raises:
            UserError: When the model cannot be run.
        """
        info = inspect_onnx(model.path)
        refuse_other_types(info, model.path)
        batch = info.batch or 1
        times = self._latencies(model.path, info, batch, progress)
        memory = measure_peak_memory(model.path, self.threads)
        median = float(np.median(times))
        graph = load_onnx(model.path)
        figures = [
            _cost("latency_median", median, "ms"),
            _cost("latency_mean", float(times.mean()), "ms"),
            _cost("latency_p95", float(np.percentile(times, 95)), "ms"),
            _cost("latency_min", float(times.min()), "ms"),
            MetricValue(name="throughput", value=1000.0 * batch / median, unit="images/s"),
            _cost("model_size", model.path.stat().st_size, "bytes"),
            _cost("parameters", count_parameters(graph)),
            _cost("macs", count_macs(graph)),
            _cost("peak_memory", memory, "bytes"),
        ]
        return BenchmarkResult(
            target=NAME,
            device=cpu_name(),
            metrics=tuple(figure for figure in figures if figure is not None),
            notes=() if memory is not None else ("Peak memory could not be measured: no process could be started.",),
            details=self._details(batch, times),
        )

    def _details(self, batch: int, times: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
        return {
            "threads": self.threads,
            "batch": batch,
            "runs": len(times),
            "latency_std_ms": float(times.std()),
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "peak_memory_is": METHOD,
        }

    def _latencies(
        self, path: Path, info: OnnxInfo, batch: int, progress: Progress
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return milliseconds of single inferences on random images, measured for a bounded time."""
        session = open_runtime(path, threads=self.threads, measuring=True)
        images = np.random.default_rng(SEED).random((batch, *info.input.shape), dtype=np.float32)
        feed = {info.inputs[0].name: as_model_input(info, images)}
        times: list[float] = []
        with progress.track(f"Benchmarking {path.name} on {NAME}", None) as bar:
            _repeat(session, feed, self._seconds * WARM_UP_SHARE, WARM_UP_RUNS)
            times = _repeat(session, feed, self._seconds, FEWEST_RUNS)
            bar.advance(len(times), latency_ms=float(np.median(times)))
        return np.asarray(times)


def _repeat(session: Any, feed: dict[str, Any], seconds: float, fewest: int) -> list[float]:
    """Run again and again until the time is up, and return the milliseconds of each run."""
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < fewest or (len(times) < MOST_RUNS and perf_counter() < end):
        start = perf_counter()
        session.run(None, feed)
        times.append(1000.0 * (perf_counter() - start))
    return times


def _cost(name: str, value: float | None, unit: str = "") -> MetricValue | None:
    return None if value is None else MetricValue(name=name, value=value, unit=unit, higher_is_better=False)
