"""Own what a quantizer takes, measures with, and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo_core.protocols.progress import Progress
from zoo_core.results import MetricValue, SkippedFile
from zoo_core.specs import QuantizationLimits

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class CalibrationData(Protocol):
    """Stream preprocessed images to a quantizer, as often as it wants to read them."""

    source: str
    """Where the images come from, or `random`."""

    @property
    def names(self) -> Sequence[str]:
        """Return the path or name of every image, known without reading it."""
        ...

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Return the images that could not be read so far."""
        ...

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield arrays of shape (1, C, H, W) from the beginning; memory does not grow with their number."""
        ...


class Judge(Protocol):
    """Measure models by the metric of the task, on images that no calibration saw."""

    @property
    def split(self) -> str:
        """Return the split that the images are from."""
        ...

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def measure(self, model: Path, title: str, *, images: int | None = None) -> MetricValue:
        """Return the deciding metric of an ONNX model, on all images or on some of them, evenly spread."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationJob:
    """Carry all that a quantizer needs; it reads nothing else."""

    model: Path
    """Float ONNX model, or one that is quantized already."""
    calibration: CalibrationData
    calibration_hash: str = ""
    """Hash of the list of calibration images, for the description of the model."""
    directory: Path
    """Folder that the quantized model goes to, under the name users expect."""
    work_dir: Path
    """Folder for reports and for what an interrupted quantization goes on with."""
    progress: Progress
    limits: QuantizationLimits = field(default_factory=QuantizationLimits)
    """What the targets of the run accept."""
    judge: Judge | None = None
    """Measures candidates; absent when there are no labelled images besides those of the calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationOutcome:
    """Report the file a quantizer wrote and what it did."""

    path: Path
    granularity: str
    weight_type: str
    activation_type: str
    already_quantized: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """What the user should look at, such as a layer that overflows."""
    metrics: tuple[MetricValue, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Findings that are no numbers; shown at the end of the run."""
    files: tuple[Path, ...] = ()
    """Reports beside the model."""


class Quantizer(Protocol):
    """Turn a float ONNX model into a quantized one."""

    def quantize(self, job: QuantizationJob) -> QuantizationOutcome:
        """Write the quantized model and return what was done."""
        ...
