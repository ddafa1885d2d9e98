"""Own what a built component must offer; small abilities instead of one broad base class.

Tensor letters: N images, C channels, H height, W width. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zoo_core.artifacts import InputSpec, OnnxModel
from zoo_core.results import BenchmarkResult, DeploymentResult, MetricValue, SkippedFile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from PIL.Image import Image

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
QUANTIZATION = "quantization"
PREDICTION = "prediction"
SPLITS = (TRAIN, VALIDATION, TEST, QUANTIZATION, PREDICTION)


# ---------------------------------------------------------------- progress and logging


class ProgressTask(Protocol):
    """Advance one bar."""

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move on by some steps and show the latest named values, such as `loss=0.31`."""
        ...


class Progress(Protocol):
    """Show the user how far a long operation is."""

    def track(self, description: str, total: int | None) -> AbstractContextManager[ProgressTask]:
        """Open a bar of `total` steps, or of unknown length."""
        ...


# ---------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one undecorated example of a data set: the image as stored and its label."""

    image: Image
    """PIL image in the mode of the file."""
    target: Any
    """Label of the task's own type; `None` for images without one."""
    path: str
    """Path or other name by which a user finds the image."""


@runtime_checkable
class ImageDataset(Protocol):
    """Give access to one split of a data set, one example at a time, nothing held in memory."""

    targets: Sequence[Any]
    """Label of every example, known without reading images."""

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """Read one example.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        ...

    def name(self, index: int) -> str:
        """Return the path or name of one example without reading it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """Say to a data set which splits a run needs and with which seed to divide them."""

    splits: frozenset[str]
    """Subset of `SPLITS`; a data set reads nothing for the others."""
    seed: int
    quantization_seed: int = 0
    check_image_files: bool = False
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDatasets:
    """Hold the splits that were asked for; a split that does not exist is `None`."""

    class_names: tuple[str, ...]
    train: ImageDataset | None = None
    validation: ImageDataset | None = None
    test: ImageDataset | None = None
    quantization: ImageDataset | None = None
    prediction: ImageDataset | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    """Split -> where its images come from, in words: `validation: 20 % of training_path`."""
    notes: tuple[str, ...] = ()

    def get(self, split: str) -> ImageDataset | None:
        """Return one split by its name."""
        found: ImageDataset | None = getattr(self, split)
        return found


@dataclass(slots=True)
class Batch:
    """Hold preprocessed images with their targets, and what had to be left out."""

    images: torch.Tensor
    """Float32, shape (N, C, H, W), as the model expects it."""
    targets: Any
    """What the task's `collate_targets` made of the labels."""
    paths: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each image before preprocessing."""
    skipped: tuple[SkippedFile, ...] = ()


# ---------------------------------------------------------------- models


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContext:
    """Tell the builder of a model what the run knows: classes and input size."""

    num_classes: int
    input: InputSpec
    cache_dir: Path | None = None
    """Folder for weights that are fetched; the library's own default when absent."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What other sections say about the network itself, such as `drop_path`; from `Task.model_options`."""
    progress: Progress | None = None
    """Where a download of weights is shown; nowhere when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """State what a run knows of its model before any code of it is loaded."""

    name: str
    input: InputSpec
    class_names: tuple[str, ...]


# ---------------------------------------------------------------- tasks


class Preprocessing(Protocol):
    """Turn an image into a model's input; one object serves training, calibration and evaluation."""

    @property
    def input(self) -> InputSpec:
        """Return the size it makes."""
        ...

    def __call__(self, image: Image) -> torch.Tensor:
        """Return a float32 tensor of shape (C, H, W)."""
        ...

    def to_metadata(self) -> dict[str, Any]:
        """Return the JSON-able description that is written into exported models."""
        ...

    def value_range(self) -> Sequence[tuple[float, float]]:
        """Return the lowest and highest value of each channel after preprocessing."""
        ...


class Evaluator(Protocol):
    """Gather outputs batch by batch and compute the metrics of a task once at the end."""

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: Any) -> None:
        """Take the outputs of one batch, each with N rows, and the collated targets."""
        ...

    def state(self) -> Any:
        """Return what was gathered as a picklable object, to be merged across processes."""
        ...

    def merge(self, states: Sequence[Any]) -> None:
        """Replace what was gathered by the union of several states."""
        ...

    def compute(self) -> tuple[MetricValue, ...]:
        """Return the metrics; `split` and `model` are left for the caller to fill."""
        ...

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return one JSON-able row per class."""
        ...

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write tables and pictures, such as a confusion matrix, and return their paths."""
        ...


class Decoder(Protocol):
    """Turn raw outputs into predictions a person can read."""

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return one JSON-able record per image; sizes are (width, height) of the originals."""
        ...

    def draw(self, image: Image, record: Mapping[str, Any]) -> Image:
        """Return a copy of the image with the prediction drawn on it."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the JSON-able description of the decoding for an exported model."""
        ...


class Task(Protocol):
    """Offer what a use case adds to the generic services; built once per run."""

    preprocessing: Preprocessing

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing: a sample to (image of shape (C, H, W), target)."""
        ...

    def collate_targets(self, targets: Sequence[Any]) -> Any:
        """Return the targets of one batch in the form that criterion and evaluator take."""
        ...

    def batch_transform(self) -> Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]] | None:
        """Return what is applied to whole training batches, such as mixup, or nothing."""
        ...

    def train_sampler(self, dataset: ImageDataset) -> Any | None:
        """Return a sampler of indices with `set_epoch(int)` and `__iter__`, or nothing for shuffling."""
        ...

    def criterion(self) -> torch.nn.Module:
        """Return the loss: `(outputs, targets)` to a scalar tensor or a dict with the key `loss`.

        In evaluation mode it computes the plain loss on targets as `collate_targets` made them.
        """
        ...

    def monitor(self) -> MetricValue:
        """Return the metric that decides which weights are best: name and direction; value is unused."""
        ...

    def evaluator(self) -> Evaluator:
        """Return a fresh evaluator."""
        ...

    def decoder(self) -> Decoder:
        """Return the decoder of predictions."""
        ...

    def model_options(self) -> Mapping[str, Any]:
        """Return what sections other than `model` say about the network itself, for `ModelContext.options`."""
        ...

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the shapes of a model's outputs, each (N, ...), as sentences."""
        ...

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return the key under which users of ST's services know a metric, such as `int_acc_test_set`."""
        ...


# ---------------------------------------------------------------- training


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """Carry all that a trainer needs; it reads nothing else."""

    model: torch.nn.Module
    task: Task
    train: ImageDataset
    validation: ImageDataset
    training: Any
    """The `training` section, a `zoo_core.config.sections.TrainingSection`."""
    dataset: Any
    """The `dataset` section, for loader options."""
    seed: int
    deterministic: bool
    metadata: Mapping[str, Any]
    """JSON-able description that is stored beside the weights of every checkpoint."""
    best_path: Path
    last_path: Path
    work_dir: Path
    """Folder for `summary.csv` and other records of the training."""
    resume_from: Path | None
    """Checkpoint of an interrupted training, holding the complete state."""
    progress: Progress
    log_dir: Path | None = None
    """Folder for the files of trackers, such as TensorBoard events; below `work_dir` when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOutcome:
    """Report what a trainer did; `best_path` of the job then holds the best weights."""

    epochs: int
    best_epoch: int
    best_metrics: tuple[MetricValue, ...]
    """Validation metrics of the best weights, the deciding one first."""
    stopped_early: bool
    files: tuple[Path, ...]
    skipped: tuple[SkippedFile, ...] = ()
    notes: tuple[str, ...] = ()


class Trainer(Protocol):
    """Fit a model."""

    def check(self, model: torch.nn.Module, task: Task, training: Any) -> None:
        """Refuse settings that do not fit the model or this machine, before anything is created."""
        ...

    def fit(self, job: TrainJob) -> TrainOutcome:
        """Train until the last epoch or an early stop, keeping best and last checkpoints on disk."""
        ...


# ---------------------------------------------------------------- inference, quantization, targets


class InferenceSession(Protocol):
    """Run a model on batches, whatever engine holds it."""

    input: InputSpec

    def run(self, images: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
        """Return every output for images of shape (N, C, H, W), each with N rows."""
        ...


class CalibrationData(Protocol):
    """Stream preprocessed images to a quantizer, as often as it wants to read them."""

    source: str
    """Where the images come from, or `random`."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationOutcome:
    """Report the file a quantizer wrote and what it did."""

    path: Path
    granularity: str
    weight_type: str
    activation_type: str
    already_quantized: bool = False
    notes: tuple[str, ...] = ()


class Quantizer(Protocol):
    """Turn a float ONNX model into a quantized one."""

    def quantize(
        self, model: Path, calibration: CalibrationData, directory: Path, progress: Progress
    ) -> QuantizationOutcome:
        """Write the quantized model into a directory under the name users expect."""
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


# ---------------------------------------------------------------- runs


@dataclass(frozen=True, slots=True)
class Stage:
    """Identify a service at its place in a chain."""

    index: int
    service: str

    @property
    def id(self) -> str:
        """Return the folder name of the stage, such as `2_quantization`."""
        return f"{self.index}_{self.service}"


class Tracker(Protocol):
    """Receive the events of a run."""

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Take the resolved configuration."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Take named numbers, at an epoch when `step` is given."""
        ...

    def log_file(self, path: Path) -> None:
        """Take a file the run wrote."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...
