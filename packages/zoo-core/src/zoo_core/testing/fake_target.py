"""Own a target that exists only in tests: it takes every model, computes on this machine and remembers its calls."""

from __future__ import annotations

import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import OnnxModel
from zoo_core.lazy import LazyRef
from zoo_core.results import BenchmarkResult, DeploymentResult, MetricValue
from zoo_core.specs import ABILITIES, TargetSpec

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.protocols import InferenceSession, Progress

NAME = "fake_board"
MODULE = "zoo_fake_target"
"""Module that the specification names; it exists while a test uses the target."""
LATENCY_MS = 1.5


@dataclass(slots=True)
class FakeTarget:
    """Answer at once: a latency of 1.5 ms, a deployment of one file, outputs computed by onnxruntime."""

    calls: list[tuple[str, Path]] = field(default_factory=list)
    """What was asked and for which model, in order: `benchmark`, `deploy` or `open`."""
    problems: tuple[str, ...] = ()
    """What `check` answers; a test sets it to see what happens with a target that is not ready."""

    name = NAME

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return the problems that the test has set."""
        del purpose
        return self.problems

    def benchmark(self, model: OnnxModel, directory: Path, progress: Progress) -> BenchmarkResult:
        """Return a fixed latency."""
        del directory, progress
        self.calls.append(("benchmark", model.path))
        latency = MetricValue(name="latency_median", value=LATENCY_MS, unit="ms", higher_is_better=False)
        return BenchmarkResult(target=NAME, device="no device", metrics=(latency,))

    def deploy(self, model: OnnxModel, directory: Path, progress: Progress) -> DeploymentResult:
        """Write the size of the model into a file."""
        del progress
        self.calls.append(("deploy", model.path))
        directory.mkdir(parents=True, exist_ok=True)
        written = directory / "firmware.txt"
        written.write_text(f"{model.path.stat().st_size} bytes\n", encoding="utf-8")
        return DeploymentResult(target=NAME, files=(str(written),))

    def open(self, model: OnnxModel, progress: Progress) -> InferenceSession:
        """Return a session that computes on this machine."""
        del progress
        from zoo_core.inference.session import OnnxSession

        self.calls.append(("open", model.path))
        return OnnxSession(model.path, threads=1)

    def module(self) -> types.ModuleType:
        """Return the module that the specification names; its `build` gives this object."""
        made: Any = types.ModuleType(MODULE)
        made.build = lambda config: self
        return made  # type: ignore[no-any-return]


def fake_target_spec() -> TargetSpec:
    """Return the specification of the target, with every ability."""
    return TargetSpec(
        name=NAME,
        summary="A board that exists in tests only.",
        build=LazyRef(f"{MODULE}:build"),
        abilities=ABILITIES,
    )


def with_fake_target(catalog: Catalog) -> Catalog:
    """Return a catalogue with the target beside what is installed."""
    from dataclasses import replace

    from zoo_core.plugins.registry import Registry, Resolved

    spec = fake_target_spec()
    entry = Resolved(spec=spec, distribution="zoo-core", version="0", name=spec.name)
    return replace(catalog, targets=Registry("target", (*catalog.targets.entries(), entry)))
