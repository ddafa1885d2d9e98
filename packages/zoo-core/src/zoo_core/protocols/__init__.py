"""Own what a built component must offer; small abilities instead of one broad base class.

Tensor letters: N images, C channels, H height, W width. Nothing heavy is imported here.
"""

from zoo_core.protocols.data import (
    PREDICTION,
    QUANTIZATION,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Batch,
    DataRequest,
    ImageDataset,
    Sample,
    SplitDatasets,
)
from zoo_core.protocols.models import ModelContext, ModelInfo
from zoo_core.protocols.progress import Progress, ProgressTask
from zoo_core.protocols.quantization import CalibrationData, Judge, QuantizationJob, QuantizationOutcome, Quantizer
from zoo_core.protocols.runs import Histogram, Stage, TakesHistograms, Tracker
from zoo_core.protocols.targets import Benchmarks, Deploys, InferenceSession, Infers, Target
from zoo_core.protocols.tasks import (
    Charts,
    Decoder,
    Evaluator,
    GatheringDecoder,
    JudgesImages,
    KeepsOutputs,
    Preprocessing,
    Task,
)
from zoo_core.protocols.training import Trainer, TrainJob, TrainOutcome

__all__ = [
    "PREDICTION",
    "QUANTIZATION",
    "SPLITS",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Batch",
    "Benchmarks",
    "CalibrationData",
    "Charts",
    "DataRequest",
    "Decoder",
    "Deploys",
    "Evaluator",
    "GatheringDecoder",
    "Histogram",
    "ImageDataset",
    "InferenceSession",
    "Infers",
    "Judge",
    "JudgesImages",
    "KeepsOutputs",
    "ModelContext",
    "ModelInfo",
    "Preprocessing",
    "Progress",
    "ProgressTask",
    "QuantizationJob",
    "QuantizationOutcome",
    "Quantizer",
    "Sample",
    "SplitDatasets",
    "Stage",
    "TakesHistograms",
    "Target",
    "Task",
    "Tracker",
    "TrainJob",
    "TrainOutcome",
    "Trainer",
]
