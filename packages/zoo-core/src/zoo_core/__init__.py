"""Find every plugin by entry point, compose a run from one YAML file, and carry it through.

What is exported here is the public interface for plugin authors; it imports nothing heavy.
"""

from zoo_core.artifacts import Artifact, Checkpoint, Firmware, FloatOnnx, InputSpec, OnnxModel, QuantizedOnnx
from zoo_core.errors import (
    ChainError,
    ConfigError,
    ConfigIssue,
    DataError,
    MissingError,
    PluginError,
    RunStoreError,
    UnreadableImageError,
    UserError,
    ZooError,
)
from zoo_core.hookspecs import hookimpl
from zoo_core.lazy import LazyRef
from zoo_core.protocols import (
    Batch,
    DataRequest,
    ModelContext,
    ModelInfo,
    QuantizationOutcome,
    Sample,
    SplitDatasets,
    Stage,
    TrainJob,
    TrainOutcome,
)
from zoo_core.results import (
    BenchmarkResult,
    DeploymentResult,
    EvaluationResult,
    ExportResult,
    MetricValue,
    PredictionResult,
    QuantizationResult,
    Result,
    SkippedFile,
    TrainingResult,
)
from zoo_core.specs import (
    API_VERSION,
    DatasetSpec,
    ModelSpec,
    QuantizerSpec,
    Spec,
    TargetSpec,
    TaskFiles,
    TaskSpec,
    TrackerSpec,
    TrainerSpec,
)

__version__ = "0.1.0"

__all__ = [
    "API_VERSION", "Artifact", "Batch", "BenchmarkResult", "ChainError", "Checkpoint", "ConfigError", "ConfigIssue",
    "DataError", "DataRequest", "DatasetSpec", "DeploymentResult", "EvaluationResult", "ExportResult", "Firmware",
    "FloatOnnx", "InputSpec", "LazyRef", "MetricValue", "MissingError", "ModelContext", "ModelInfo", "ModelSpec",
    "OnnxModel", "PluginError", "PredictionResult", "QuantizationOutcome", "QuantizationResult", "QuantizedOnnx",
    "QuantizerSpec", "Result", "RunStoreError", "Sample", "SkippedFile", "Spec", "SplitDatasets", "Stage",
    "TargetSpec", "TaskFiles", "TaskSpec", "TrackerSpec", "TrainJob", "TrainOutcome", "TrainerSpec",
    "TrainingResult", "UnreadableImageError", "UserError", "ZooError", "__version__", "hookimpl",
]
