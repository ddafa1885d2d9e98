"""Own what a plugin declares: one frozen spec per component, heavy parts named by `LazyRef`.

A spec can be listed, compared and checked without importing the component it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from zoo_core.artifacts import InputSpec, OnnxModel
from zoo_core.lazy import LazyRef
from zoo_core.names import is_alias, is_name

if TYPE_CHECKING:
    from pydantic import BaseModel

API_VERSION = 1
"""Version of the plugin interface; a plugin states the one it was written for as `zoo_api = 1`."""

BENCHMARK = "benchmark"
DEPLOY = "deploy"
INFER = "infer"
IMAGENET_INPUT = InputSpec(3, 224, 224)
ABILITIES = frozenset({BENCHMARK, DEPLOY, INFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Name a component, say in one line what it is, and give the other names it answers to."""

    kind: ClassVar[str] = ""

    name: str
    """Name such as `mobilenetv2_a035_pt`: lower-case letters, digits and single underscores."""
    summary: str
    """What it is, in one line."""
    aliases: tuple[str, ...] = ()
    """Other spellings users know, such as `STM32H747I-DISCO`; looked up ignoring case."""
    tags: frozenset[str] = frozenset()
    """Words by which components are filtered, and by which a use case knows how outputs of a model are read."""

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with this spec, as `zoo plugins` shows it when the spec is dropped.

        Making a faulty spec raises nothing, since that would end the hook that yields it together with its neighbours.
        """
        found = []
        if not is_name(self.name):
            found.append(f'{self.kind} name "{self.name}" is not [a-z0-9_]')
        found.extend(
            f'{self.kind} {self.name}: alias "{alias}" is not letters, digits, ".", "_" or "-"'
            for alias in self.aliases
            if not is_alias(alias)
        )
        if not self.summary.strip() or "\n" in self.summary:
            found.append(f"{self.kind} {self.name}: the summary must be one line that is not empty")
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFiles:
    """Name the checkpoint files that users of a use case know."""

    best: str = "best_model.pt"
    last: str = "last_model.pt"
    history: str = "checkpoint-{epoch}"
    """Kept checkpoint of an epoch, counted from 1, without the suffixes of `last`."""
    folder: str = ""
    """Folder of checkpoints inside a run without `general.saved_models_dir`; `{model}` is the name of the model."""
    events: str = ""
    """Folder of TensorBoard events inside that folder; below `general.logs_dir` when empty."""
    headless: str = ""
    """Best weights without the classifier that only the training needs; not written when empty."""
    evaluation_in_run: bool = False
    """Whether tables and pictures of an evaluation lie in the run's own folder instead of the stage's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec(Spec):
    """Declare a use case: what its sections accept and how its `Task` object is built."""

    kind: ClassVar[str] = "task"

    build: LazyRef[Callable[..., Any]]
    """`(config: RunConfig, model: ModelInfo) -> protocols.Task`."""
    sections: Mapping[str, LazyRef[type[BaseModel]]] = field(default_factory=dict)
    """Configuration classes of the sections this use case shapes: `training`, `preprocessing`, ..."""
    default_dataset: str | None = None
    """Data set used when the `dataset` section names none."""
    model_types: tuple[str, ...] = ()
    """Values of `model.model_type` that belong to this use case."""
    keys: tuple[str, ...] = ()
    """Keys that only files of this use case have, such as `training.triplet_loss`.

    A model that other use cases have under the same name is taken to be this one's only where such a key is given.
    """
    files: TaskFiles = TaskFiles()
    starter: LazyRef[str] | None = None
    """Text of the commented YAML that `zoo init` writes, as a module attribute."""
    recipes: Mapping[str, LazyRef[str]] = field(default_factory=dict)
    """Texts of whole configurations with known results, by the names that `zoo init --recipe` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec(Spec):
    """Declare a model, or with `family` every model that a library lists."""

    kind: ClassVar[str] = "model"

    task: str
    """Name of its use case."""
    build: LazyRef[Callable[..., Any]]
    """`(section: ModelSection, context: protocols.ModelContext) -> torch.nn.Module`."""
    config: LazyRef[type[BaseModel]]
    """Class of the `model` section, a subclass of `zoo_core.config.sections.ModelSection`."""
    input: InputSpec = IMAGENET_INPUT
    """Size of the input where the configuration gives none."""
    licence: str = ""
    """Licence of the code, as an SPDX expression."""
    pretrained: tuple[str, ...] = ()
    """Data sets for which weights exist, such as `imagenet`."""
    trainer: str | None = None
    """Trainer of this model when the `training` section names none; the usual one when absent."""
    family: LazyRef[Callable[[], Iterable[str]]] | None = None
    """Names this spec answers to beside its own, listed by a library on demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec(Spec):
    """Declare a data set format or a concrete data set."""

    kind: ClassVar[str] = "dataset"

    task: str
    """Name of its use case."""
    build: LazyRef[Callable[..., Any]]
    """`(section: DatasetSection, request: protocols.DataRequest) -> protocols.SplitDatasets`."""
    config: LazyRef[type[BaseModel]]
    """Class of the `dataset` section, a subclass of `zoo_core.config.sections.DatasetSection`."""
    writer: LazyRef[Callable[..., Any]] | None = None
    """Writes data sets in this form, for `zoo data convert`.

    `(datasets: protocols.SplitDatasets, folder: Path, *, link: bool, progress: protocols.Progress)
    -> zoo_core.data.writing.Written`; the folder is there and empty.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSpec(Spec):
    """Declare a trainer; `tasks` limits it to some use cases."""

    kind: ClassVar[str] = "trainer"

    build: LazyRef[Callable[..., Any]]
    """`(config: RunConfig) -> protocols.Trainer`."""
    config: LazyRef[type[BaseModel]] | None = None
    """Class of the `training` section; without it the task's class holds."""
    tasks: frozenset[str] | None = None
    """Names of the use cases that it serves; all of them when absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizerSpec(Spec):
    """Declare a quantizer of ONNX models."""

    kind: ClassVar[str] = "quantizer"

    build: LazyRef[Callable[..., Any]]
    """`(section: QuantizationSection) -> protocols.Quantizer`."""
    config: LazyRef[type[BaseModel]]
    """Class of the `quantization` section."""
    calibrates: bool = True
    """Whether it needs images for calibration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Report one thing that a target needs or can use on this machine, as `zoo doctor` shows it."""

    name: str
    status: Literal["ok", "missing", "broken"]
    """`missing` is absent or out of reach; `broken` is there and cannot be used."""
    detail: str
    """Version and place, or what is wrong."""
    hint: str | None = None
    """Cure in one line."""
    required: bool = False
    """Whether nothing works without it; otherwise its absence is no fault of the installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationLimits:
    """State what a target takes of a quantized model, so that a quantizer tries nothing else."""

    weight_types: frozenset[str] = frozenset({"Int4", "UInt4", "Int8", "UInt8", "Int16", "UInt16"})
    activation_types: frozenset[str] = frozenset({"Int8", "UInt8", "Int16", "UInt16"})
    float_operators: bool = True
    """Whether single operators may stay floating point inside a quantized model."""
    granularities: tuple[str, ...] = ("per_channel", "per_tensor")
    """Those it takes, the one that suits it best first."""

    def __and__(self, other: QuantizationLimits) -> QuantizationLimits:
        """Return what both take."""
        return QuantizationLimits(
            weight_types=self.weight_types & other.weight_types,
            activation_types=self.activation_types & other.activation_types,
            float_operators=self.float_operators and other.float_operators,
            granularities=tuple(name for name in self.granularities if name in other.granularities),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec(Spec):
    """Declare a place where models run: this machine, a board, a cloud."""

    kind: ClassVar[str] = "target"

    build: LazyRef[Callable[..., Any]]
    """`(config: RunConfig) -> protocols.Target`."""
    abilities: frozenset[str]
    """Subset of `ABILITIES`."""
    accepts: tuple[type[OnnxModel], ...] = (OnnxModel,)
    """Kinds of models it takes, such as `QuantizedOnnx` alone."""
    sections: Mapping[str, LazyRef[type[BaseModel]]] = field(default_factory=dict)
    """Configuration classes for `benchmarking`, `deployment` and `tools`."""
    properties: Mapping[str, str | int] = field(default_factory=dict)
    """Facts that `zoo boards` shows, in its order; a name that ends in `_bytes` or `_hz` gives the unit."""
    quantization: QuantizationLimits = QuantizationLimits()
    """What it takes of a quantized model."""
    examine: LazyRef[Callable[[], Iterable[Finding]]] | None = None
    """Looks for the tools of the target; `zoo doctor` calls it once for all targets that name the same."""

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with this spec, unknown abilities included."""
        unknown = sorted(self.abilities - ABILITIES)
        text = f"target {self.name}: unknown abilities {unknown}, expected {sorted(ABILITIES)}"
        return (*Spec.faults(self), *([text] if unknown else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSpec(Spec):
    """Declare an experiment tracker that receives the events of a run."""

    kind: ClassVar[str] = "tracker"

    build: LazyRef[Callable[..., Any]]
    """`(config: RunConfig, run_dir: Path) -> protocols.Tracker`."""
    asked_for: LazyRef[Callable[..., bool]] | None = None
    """`(config: RunConfig) -> bool`: whether a run asks for it, told without importing anything large.

    Every run does when absent. A `MissingError` says that what a run asks for is not installed.
    """
    light: bool = False
    """Whether it imports nothing large: it then works in a thread of the run, others in a process beside it."""
    warm_up: LazyRef[Callable[[], object]] | None = None
    """`() -> None`: imports what is large. The process of trackers does it while a run is still being checked."""
