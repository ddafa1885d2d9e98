"""Own what the stages of one run share: configuration, data, task, model, made only when first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, InputSpec, QuantizedOnnx
from zoo_core.config.load import LoadedConfig
from zoo_core.config.model_metadata import read_metadata
from zoo_core.config.use_case import NO_USE_CASE
from zoo_core.errors import DataError, MissingError, UserError
from zoo_core.plugins.guard import plugin_code
from zoo_core.protocols import (
    TRAIN,
    DataRequest,
    ImageDataset,
    InferenceSession,
    ModelContext,
    ModelInfo,
    Progress,
    SplitDatasets,
    Task,
)
from zoo_core.results import FLOAT, INT8, MeasuredFile
from zoo_core.runs.layout import RunLayout
from zoo_core.services.metadata import describe_model, outputs_are_classes, refuse_contradictions
from zoo_core.services.model_file import ModelFile, given_path, read_model_file

if TYPE_CHECKING:
    import torch

    from zoo_core.config.sections import ModelSection
    from zoo_core.plugins.registry import Resolved
    from zoo_core.reporting.trackers.feed import TrackerFeed
    from zoo_core.services.tracking import RunEvents


class RunContext:
    """Offer the stages of a run what they share."""

    def __init__(
        self,
        loaded: LoadedConfig,
        layout: RunLayout,
        progress: Progress,
        *,
        splits: frozenset[str],
        seed: int,
        follower: bool = False,
    ) -> None:
        self.loaded = loaded
        self.config = loaded.config
        self.selection = loaded.selection
        self.layout = layout
        self.progress = progress
        self.splits = splits
        self.seed = seed
        self.follower = follower
        """Whether this process only computes its share of a distributed training and writes nothing."""
        self.artifacts: list[Artifact] = []
        """Models made so far, oldest first."""
        self.events: RunEvents | None = None
        """Takes what happens in the run; nothing in a process that only computes its share."""
        self.trackers: TrackerFeed | None = None
        """Trackers that were started before the run."""
        self.evaluated: set[str] = set()
        """Hashes of the models whose metrics this process has computed."""

    @cached_property
    def model_file(self) -> ModelFile | None:
        """Return what `model.model_path` holds; a file given by URL is fetched first."""
        path = given_path(self.config, self.progress)
        return None if path is None else read_model_file(path)

    @cached_property
    def origin(self) -> Mapping[str, Any]:
        """Return what the file says of itself that this run starts from.

        That is the model the user gives, or the checkpoint of a training that is resumed.
        """
        if self.model_file is not None:
            return self.model_file.metadata
        return {} if self.resumed_file is None else read_metadata(self.resumed_file)

    @property
    def resumed_file(self) -> Path | None:
        """Return the checkpoint of an earlier run that the training of this one goes on from."""
        training = self.config.training
        return training.resume_training_from if training is not None and TRAIN in self.splits else None

    @cached_property
    def datasets(self) -> SplitDatasets:
        """Return the splits that the chain needs.

        Raises:
            DataError: When the data set cannot serve the run.
        """
        if not self.splits or self.selection.dataset is None:
            return SplitDatasets(class_names=self.config.dataset.class_names or ())
        request = DataRequest(
            splits=self.splits,
            seed=self.config.dataset.seed,
            check_image_files=self.config.dataset.check_image_files,
            progress=self.progress,
        )
        with self.code_of(self.selection.dataset, "build"):
            datasets: SplitDatasets = self.selection.dataset.spec.build.load()(self.config.dataset, request)
        return datasets

    @cached_property
    def input(self) -> InputSpec:
        """Return the input size: from the configuration, else the model file, else the model's own."""
        if self.config.model.input_shape is not None:
            return InputSpec(*self.config.model.input_shape)
        if self.model_file is not None and self.model_file.input is not None:
            return self.model_file.input
        if self.origin.get("input"):
            return InputSpec(*self.origin["input"])
        if self.selection.model is not None:
            return self.selection.model.spec.input
        raise UserError("model.input_shape is not set and the model does not state it.", hint="Set it to [C, H, W].")

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes: from the data, else the configuration, else the model file, else numbered."""
        names = self.datasets.class_names or self.config.dataset.class_names or self.origin.get("class_names")
        if names:
            return tuple(names)
        count = self.config.dataset.num_classes or self.config.model.num_classes or 0
        return tuple(f"class_{index}" for index in range(count))

    @cached_property
    def info(self) -> ModelInfo:
        """Return the name, input and classes of the model."""
        name = self.config.model.model_name
        if name is None and self.model_file is not None:
            name = self.model_file.metadata.get("model_name") or self.model_file.artifact.path.stem
        chosen = self.selection.model
        return ModelInfo(
            name=name or "model",
            input=self.input,
            class_names=self.class_names,
            class_ids=self.datasets.class_ids if self.datasets.class_names == self.class_names else (),
            tags=frozenset() if chosen is None else chosen.spec.tags,
            origin=self.origin,
            output_shapes=() if self.model_file is None else self.model_file.output_shapes,
        )

    @cached_property
    def task(self) -> Task:
        """Return the use case's own object, with the preprocessing that the model was made with."""
        with self.code_of(self.selection.task, "build"):
            task: Task = self.selection.task.spec.build.load()(self.config, self.info)
        if not self.config.preprocessing.model_fields_set:
            stored = self.origin.get("preprocessing")
            if stored is not None and self.config.use_case != NO_USE_CASE:
                from zoo_core.data.preprocessing import ImagePreprocessing

                task.preprocessing = ImagePreprocessing.from_metadata(stored)
        return task

    def check_model_file(self) -> None:
        """Refuse a model file, or a checkpoint to resume from, that contradicts the configuration.

        Raises:
            UserError: Naming both sides of everything that differs.
        """
        if self.model_file is None:
            self._check_resumed_file()
            return
        if self.config.use_case == NO_USE_CASE:
            return
        path = self.model_file.artifact.path
        wanted: dict[str, Any] = {"use_case": self.config.use_case, "input": list(self.input.shape)}
        if self.datasets.class_names:
            wanted["class_names"] = list(self.datasets.class_names)
        wanted["preprocessing"] = self.task.preprocessing.to_metadata()
        found = dict(self.model_file.metadata)
        if self.model_file.input is not None:
            found["input"] = list(self.model_file.input.shape)
        training_on_top = isinstance(self.model_file.artifact, Checkpoint) and TRAIN in self.splits
        if training_on_top:
            wanted = {"use_case": wanted["use_case"]}
        elif isinstance(self.model_file.artifact, Checkpoint) and self.config.model.model_name is not None:
            wanted["model_name"] = self.config.model.model_name
        refuse_contradictions(found, wanted, path)
        problems = self.task.check_outputs(self.model_file.output_shapes) if self.model_file.output_shapes else ()
        if problems and (self.class_names or not outputs_are_classes(self.task)):
            raise UserError(
                f"{path} does not fit the configuration: {' '.join(problems)}",
                hint="Give the data set the model was trained for, or another model.model_path.",
            )

    def _check_resumed_file(self) -> None:
        if self.resumed_file is None:
            return
        wanted = {
            "use_case": self.config.use_case,
            "model_name": self.info.name,
            "input": list(self.input.shape),
            "class_names": list(self.class_names),
            "preprocessing": self.task.preprocessing.to_metadata(),
        }
        refuse_contradictions(self.origin, wanted, self.resumed_file, "training.resume_training_from")

    def dataset(self, split: str) -> ImageDataset:
        """Return one split.

        Raises:
            DataError: When the data set has no such split.
        """
        found = self.datasets.get(split)
        if found is None:
            raise DataError(f"The data set has no {split} images.", hint=f"Set dataset.{split}_path.")
        return found

    def description(self) -> dict[str, Any]:
        """Return what checkpoints say of themselves."""
        return describe_model(self.config, self.info, self.task)

    def exported_description(self) -> dict[str, Any]:
        """Return what exported models say of themselves: their classes only where the outputs stand for them."""
        description = self.description()
        return description if outputs_are_classes(self.task) else {**description, "class_names": []}

    def build_model(self) -> torch.nn.Module:
        """Build the model by its name, with new or published weights.

        Raises:
            MissingError: When the model's package or its published weights are not there.
            UserError: When no model is named.
        """
        resolved = self.selection.model
        if resolved is None:
            raise UserError(
                "model.model_name is not set; torch weights need the name of their architecture.",
                hint="See: zoo list models",
            )
        return self._build(resolved, self.config.model)

    def load_model(self, checkpoint: Artifact) -> torch.nn.Module:
        """Build the model and load weights into it, ready for inference.

        Raises:
            UserError: When the weights are of another architecture or of other classes.
        """
        from zoo_core.training.checkpoint import load_into, read_weights

        weights = read_weights(checkpoint.path)
        model = self.build_without_pretrained()
        load_into(model, weights.state_dict, checkpoint.path)
        return model.eval()

    def open_session(self, model: Artifact) -> InferenceSession:
        """Open a model of any kind for batched inference on this machine."""
        from zoo_core.inference.session import OnnxSession, TorchSession

        if isinstance(model, Checkpoint):
            return TorchSession(self.load_model(model), self.input, device=self.config.general.device)
        return OnnxSession(model.path, threads=self.config.general.num_threads)

    def float_origin(self, model: Artifact) -> Artifact | None:
        """Return the float model that a quantized one of this run was made from."""
        for made in reversed(self.artifacts):
            if isinstance(made, FloatOnnx) and made != model:
                return made
        given = self.model_file.artifact if self.model_file is not None else None
        return given if isinstance(given, FloatOnnx) and given != model else None

    def measured(self, model: Artifact) -> MeasuredFile:
        """Return how results name a model that they measured."""
        precision = INT8 if isinstance(model, QuantizedOnnx) else FLOAT
        return MeasuredFile(precision, self.layout.relative(model.path), model.sha256)

    @contextmanager
    def code_of(self, resolved: Resolved[Any], action: str) -> Iterator[None]:
        """Name the plugin first when its code fails."""
        what = f"{action} of {resolved.spec.kind} {resolved.name}"
        with plugin_code(resolved.distribution, resolved.version, what):
            yield

    def require(self, resolved: Resolved[Any] | None, key: str) -> Resolved[Any]:
        """Return a chosen component, or say that nothing provides it.

        Raises:
            MissingError: When no installed plugin provides it.
        """
        if resolved is not None:
            return resolved
        reasons = [missing.message for missing in self.selection.missing if missing.key.startswith(key)]
        raise MissingError(" ".join(reasons) or f"{key}: no installed plugin provides it.")

    def build_without_pretrained(self) -> torch.nn.Module:
        """Build the model with new weights, because others are loaded into it at once."""
        resolved = self.selection.model
        if resolved is None:
            return self.build_model()
        section = self.config.model.model_copy(update={"pretrained": False, "pretrained_model_path": None})
        return self._build(resolved, section)

    def _build(self, resolved: Resolved[Any], section: ModelSection) -> torch.nn.Module:
        context = ModelContext(
            num_classes=len(self.class_names),
            input=self.input,
            options=self.task.model_options(),
            progress=self.progress,
        )
        with self.code_of(resolved, "build"):
            model: torch.nn.Module = resolved.spec.build.load()(section, context)
        if callable(take := getattr(self.task, "use_model", None)):
            take(model)
        return model
