"""Offer trackers that record their calls, configurations without data, and the events of a short run."""

from __future__ import annotations

import logging
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zoo_core.config.sections import GeneralSection, MlflowSection, RunConfig
from zoo_core.lazy import LazyRef
from zoo_core.plugins.registry import Resolved
from zoo_core.protocols import Stage
from zoo_core.runs.files import write_json
from zoo_core.runs.recorder import RunRecorder
from zoo_core.specs import TrackerSpec

MODULE = "zoo_recording_tracker"


class Recording:
    """Stands in for a tracker and notes its calls."""

    def __init__(self, config: Any = None, run_dir: Path | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def log_parameters(self, parameters: Any) -> None:
        self.calls.append(("parameters", dict(parameters)))

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.calls.append(("metrics", step, dict(metrics)))

    def log_file(self, path: Path) -> None:
        self.calls.append(("file", path.name))

    def close(self) -> None:
        self.calls.append(("close",))


@pytest.fixture
def recording() -> type[Recording]:
    return Recording


@pytest.fixture
def installed() -> Iterator[Callable[..., Resolved[TrackerSpec]]]:
    """Return a maker of trackers, from their build functions, that work in a thread of this process."""
    module: Any = types.ModuleType(MODULE)
    sys.modules[MODULE] = module

    def make(build: Callable[..., Any], name: str = "acme") -> Resolved[TrackerSpec]:
        setattr(module, f"build_{name}", build)
        spec = TrackerSpec(name=name, summary="A tracker.", build=LazyRef(f"{MODULE}:build_{name}"), light=True)
        return Resolved(spec=spec, distribution="zoo-acme", version="0.3", name=name)

    yield make
    del sys.modules[MODULE]


@pytest.fixture
def config() -> Callable[..., RunConfig]:
    """Return a maker of configurations of which trackers read little."""

    def make(*, uri: str | None = None, **training: Any) -> RunConfig:
        fields: dict[str, Any] = {
            "general": GeneralSection(project_name="parts"),
            "mlflow": MlflowSection(uri=uri),
            "training": types.SimpleNamespace(**{"log_tb": False, "log_wandb": False, **training}),
        }
        return RunConfig.model_construct(**fields)

    return make


@pytest.fixture
def told() -> Callable[..., RunRecorder]:
    """Return a function that tells a short run: two epochs, a test, a model, a figure."""

    def tell(run_dir: Path, *, epochs: int = 2) -> RunRecorder:
        (run_dir / "saved_models").mkdir(parents=True, exist_ok=True)
        for name in ("saved_models/net.onnx", "saved_models/last.pt", "curves.png", "table.csv"):
            (run_dir / name).write_bytes(b"x")
        manifest = {"status": "done", "base_dir": str(run_dir.parent), "config_file": str(run_dir.parent / "user.yaml")}
        write_json(run_dir / "run.json", manifest)
        training, evaluation = Stage(1, "training"), Stage(2, "evaluation")
        recorder = RunRecorder(run_dir)
        facts = {"name": run_dir.name, "project": "parts", "tensorboard": "logs"}
        recorder.begin(facts, {"training.epochs": epochs, "model.model_path": "/x/net.pt", "model.names": ["a", "b"]})
        for epoch in range(1, epochs + 1):
            recorder.epoch(training, epoch, {"lr": 0.1, "train_loss": 1 / epoch, "val_top1": 40.0 + epoch})
        files = ["saved_models/last.pt", "curves.png", "table.csv"]
        recorder.end_stage(training, metrics={}, files=files, model="saved_models/net.onnx", seconds=1.0)
        metrics = {"int8/test/top1": 91.0, "int_acc_test_set": 91.0}
        recorder.end_stage(evaluation, metrics=metrics, files=(), model=None, seconds=1.0)
        return recorder

    return tell


@pytest.fixture
def warnings_of_zoo(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "zoo")
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
