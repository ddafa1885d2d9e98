"""Own what places where models run offer, and how models run there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo_core.artifacts import InputSpec, OnnxModel
from zoo_core.protocols.progress import Progress
from zoo_core.results import BenchmarkResult, DeploymentResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class InferenceSession(Protocol):
    """Run a model on batches, whatever engine holds it."""

    input: InputSpec

    def run(self, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows."""
        ...


class Target(Protocol):
    """Name a place where models run; the abilities of its spec say which methods below exist."""

    def check(self, purpose: str) -> tuple[str, ...]:
        """Return every reason why this target cannot serve now (tool, login, board), before work starts."""
        ...


class Benchmarks(Target, Protocol):
    """Measure footprint and latency."""

    def benchmark(self, model: OnnxModel, directory: Path, progress: Progress) -> BenchmarkResult:
        """Return the figures of one model; files go into the directory."""
        ...


class Deploys(Target, Protocol):
    """Put a model on a device."""

    def deploy(self, model: OnnxModel, directory: Path, progress: Progress) -> DeploymentResult:
        """Build and install; files go into the directory."""
        ...


class Infers(Target, Protocol):
    """Run a model on the device itself."""

    def open(self, model: OnnxModel, progress: Progress) -> InferenceSession:
        """Return a session that computes on the device; what takes long before shows its progress."""
        ...
