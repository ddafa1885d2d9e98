"""Own what a stage reports: metrics that know which way is up, and one result type per service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

SCHEMA_VERSION = 1
FLOAT, INT8 = "float", "int8"
"""What `MetricValue.model` says of models before and after quantization."""

R = TypeVar("R", bound="Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """State one measured number with its unit, its direction and what it was measured on."""

    name: str
    """Plain name such as `top1` or `latency_median`."""
    value: float
    unit: str = ""
    """Unit such as `%`, `ms`, `bytes`; empty for a plain number."""
    higher_is_better: bool = True
    split: str = ""
    """Data the number was measured on: `train`, `validation`, `test`, or empty."""
    model: str = ""
    """Model the number belongs to: `torch`, `float`, `int8`, or empty."""

    @property
    def key(self) -> str:
        """Return the name that is unique within a run: `int8/test/top1`."""
        return "/".join(part for part in (self.model, self.split, self.name) if part)


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Name a file that was left out and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """Name a model file that metrics of a stage belong to, with the SHA-256 it had then."""

    model: str
    """`float` or `int8`, as the metrics say."""
    path: str
    """Relative to the run directory when it lies in there, else absolute."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Carry what every service reports; subclasses add what only theirs knows."""

    service: ClassVar[str] = ""

    metrics: tuple[MetricValue, ...] = ()
    files: tuple[str, ...] = ()
    """Files that the stage wrote, relative to the run directory."""
    notes: tuple[str, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Findings that are no numbers, such as `bit_exact: yes`; shown below the metrics."""
    measured: tuple[MeasuredFile, ...] = ()
    """Model files that the metrics were measured on."""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form that `result_from_dict` reads back."""
        return {"schema_version": SCHEMA_VERSION, "service": self.service, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsResult(Result):
    """Report where the weights of a model came from that is used without training."""

    service: ClassVar[str] = "weights"

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult(Result):
    """Report a training: how long it ran and which epoch gave the best weights."""

    service: ClassVar[str] = "training"

    epochs: int
    best_epoch: int
    monitor: str
    best_value: float
    seconds: float
    stopped_early: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult(Result):
    """Report an export: the opset and the largest difference between torch and ONNX outputs."""

    service: ClassVar[str] = "export"

    opset: int
    batch: str
    """`dynamic` or the fixed batch size as text."""
    parity_max_abs: float
    parity_tolerance: float
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationResult(Result):
    """Report a quantization: scheme, calibration images and both file sizes."""

    service: ClassVar[str] = "quantization"

    quantizer: str
    granularity: str
    weight_type: str
    activation_type: str
    calibration_images: int
    calibrated_on: str
    """`quantization`, `train`, or `random` when there were no images."""
    float_bytes: int
    quantized_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult(Result):
    """Report an evaluation: the split, how many images counted, the metrics."""

    service: ClassVar[str] = "evaluation"

    split: str
    images: int
    per_class: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionResult(Result):
    """Report predictions: how many images were read and where the records are."""

    service: ClassVar[str] = "prediction"

    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult(Result):
    """Report footprint and latency on one target."""

    service: ClassVar[str] = "benchmarking"

    target: str
    device: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentResult(Result):
    """Report a deployment: the target and what was put on it."""

    service: ClassVar[str] = "deployment"

    target: str
    details: Mapping[str, Any] = field(default_factory=dict)


RESULT_TYPES: dict[str, type[Result]] = {
    cls.service: cls
    for cls in (
        WeightsResult,
        TrainingResult,
        ExportResult,
        QuantizationResult,
        EvaluationResult,
        PredictionResult,
        BenchmarkResult,
        DeploymentResult,
    )
}


def result_from_dict(data: Mapping[str, Any]) -> Result:
    """Rebuild a result from its JSON form, checking the type of every field.

    Raises:
        ValueError: When the schema version is unknown or a field has another type.
    """
    from pydantic import TypeAdapter

    if data.get("schema_version") != SCHEMA_VERSION:
        msg = f"result of schema version {data.get('schema_version')}, this is {SCHEMA_VERSION}"
        raise ValueError(msg)
    kind = RESULT_TYPES[data["service"]]
    fields = {key: value for key, value in data.items() if key not in ("schema_version", "service")}
    return TypeAdapter(kind).validate_python(fields)
