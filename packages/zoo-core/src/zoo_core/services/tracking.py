"""Own the events of a run as its services tell them: names that users know, stages, epochs, the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from zoo_core.errors import RunStoreError
from zoo_core.protocols import Histogram, Stage
from zoo_core.reporting.trackers.feed import TrackerFeed
from zoo_core.results import BenchmarkResult, EvaluationResult, MetricValue, Result
from zoo_core.runs.layout import RESOLVED_CONFIG
from zoo_core.runs.recorder import RunRecorder
from zoo_core.runs.secrets import plain_parameters
from zoo_core.runs.store import Run, StageRecord
from zoo_core.services.reporting import write_run_report

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.services.context import RunContext

PATIENCE_AFTER_INTERRUPTION = 5.0
"""Seconds that trackers get when the user has interrupted the run."""
KIBI, MEGA = 1 / 1024, 1e-6
BENCHMARK_NAMES = MappingProxyType(
    {
        "total_ram": ("Total RAM KiB", KIBI),
        "ram_activations": ("RAM Activations KiB", KIBI),
        "ram_runtime": ("RAM Runtime KiB", KIBI),
        "total_flash": ("Total Flash KiB", KIBI),
        "flash_weights": ("Flash weights KiB", KIBI),
        "flash_code": ("Estimated Flash Code KiB", KIBI),
        "macs": ("MACCs M", MEGA),
        "inference_time": ("inference_time ms", 1.0),
        "model_size": ("Model Size KiB", KIBI),
        "peak_memory": ("Peak Ram KiB", KIBI),
        "npu_usage": ("NPU usage", 1.0),
        "gpu_usage": ("GPU usage", 1.0),
        "cpu_usage": ("CPU usage", 1.0),
    }
)
"""Metric of a benchmark -> the name under which ST's services log it, and the factor to its unit."""


class RunEvents:
    """Record what happens in a run, on disk first, then with every tracker."""

    def __init__(self, recorder: RunRecorder, context: RunContext) -> None:
        self._recorder = recorder
        self._context = context

    def epoch(self, stage: Stage, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take the numbers of an epoch, counted from 1."""
        self._recorder.epoch(stage, epoch, metrics)

    def histograms(self, stage: Stage, epoch: int, histograms: Mapping[str, Histogram]) -> None:
        """Take how the weights are spread after an epoch, counted from 1."""
        self._recorder.histograms(stage, epoch, histograms)

    def begin_stage(self, stage: Stage) -> None:
        """Note that a stage starts."""
        self._recorder.begin_stage(stage)

    def end_stage(self, record: StageRecord) -> None:
        """Note what a stage measured and wrote, unless an earlier process has done so."""
        if self._recorder.is_recorded(record.stage):
            return
        layout, artifact = self._context.layout, record.artifact
        self._recorder.end_stage(
            record.stage,
            metrics=self._named(record.result),
            files=record.result.files,
            model=None if artifact is None else layout.relative(artifact.path),
            seconds=record.seconds,
        )

    def fail_stage(self, stage: Stage, status: str) -> None:
        """Note that a stage failed or was interrupted."""
        with suppress(RunStoreError):  # the failure itself goes on to the user
            self._recorder.fail_stage(stage, status)

    def _named(self, result: Result) -> dict[str, float]:
        """Return numbers under our names, and under those of ST's services where they have one."""
        known = [(name, value) for metric in result.metrics for name, value in self._known(metric, result)]
        return {metric.key: metric.value for metric in result.metrics} | dict(known)

    def _known(self, metric: MetricValue, result: Result) -> list[tuple[str, float]]:
        if isinstance(result, EvaluationResult):
            key = self._context.task.metric_key(metric)
            return [] if key is None else [(key, metric.value)]
        if isinstance(result, BenchmarkResult) and metric.name in BENCHMARK_NAMES:
            name, factor = BENCHMARK_NAMES[metric.name]
            return [(name, metric.value * factor)]
        return []


@contextmanager
def trackers_starting(context: RunContext, catalog: Catalog) -> Iterator[None]:
    """Start the trackers that a run asks for while it is still being checked; end them when it does not take place."""
    context.trackers = TrackerFeed(catalog.trackers, context.config)
    try:
        yield
    finally:
        context.trackers.dismiss()


@contextmanager
def recorded(run: Run, context: RunContext, catalog: Catalog) -> Iterator[None]:
    """Record the events of a run and tell its trackers while the context lasts.

    Raises:
        RunStoreError: When the events cannot be written.
    """
    recorder = RunRecorder(run.layout.root)
    recorder.begin(_facts(run, context), plain_parameters(context.config.canonical()))
    feed = context.trackers or TrackerFeed(catalog.trackers, context.config)
    feed.follow(run.layout.root, recorder.events)
    recorder.listener = feed.forward
    context.events = RunEvents(recorder, context)
    patience = None
    try:
        yield
    except KeyboardInterrupt:
        patience = PATIENCE_AFTER_INTERRUPTION
        raise
    finally:
        context.events = None
        status = run.manifest.status
        report = write_run_report(context)
        with suppress(RunStoreError):  # on a full disk, which is told already
            if report is not None:
                recorder.files([RESOLVED_CONFIG, context.layout.relative(report)])
            recorder.end("failed" if status == "running" else status)
        with context.progress.track("Telling trackers the rest", None):
            feed.close(patience)


def events_folder(context: RunContext) -> Path:
    """Return the folder of TensorBoard events: the use case's own inside its models, else the usual one."""
    layout, files = context.layout, context.selection.task.spec.files
    return (layout.saved_models / files.best).parent / files.events if files.events else layout.logs


def _facts(run: Run, context: RunContext) -> dict[str, str | None]:
    manifest, layout = run.manifest, run.layout
    return {
        "name": layout.root.name,
        "project": manifest.project_name,
        "use_case": manifest.use_case,
        "operation_mode": manifest.operation_mode,
        "model_name": manifest.model_name,
        "created": manifest.created,
        "tensorboard": layout.relative(events_folder(context)),
    }
