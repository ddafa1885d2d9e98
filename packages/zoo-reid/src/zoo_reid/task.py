"""Own the use case: what re-identification adds to the generic services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from PIL.Image import Image
from torch import nn

from zoo_core.config.sections import RunConfig
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import ImageDataset, ModelInfo, Sample
from zoo_core.results import MetricValue
from zoo_reid.augmentation.transform import TrainTransform
from zoo_reid.config import (
    ReidAugmentationSection,
    ReidEvaluationSection,
    ReidModelSection,
    ReidPredictionSection,
    ReidTrainingSection,
)
from zoo_reid.decoder import ReidDecoder
from zoo_reid.evaluator import ReidEvaluator
from zoo_reid.labels import PersonLabel, PersonTargets, collate_persons
from zoo_reid.loss.criterion import ReidLoss
from zoo_reid.models.embedder import Embedder
from zoo_reid.models.exported import PlainEmbedder
from zoo_reid.models.size import embedding_size
from zoo_reid.strips import write_name
from zoo_reid.training.sampler import PKSampler

MONITOR = "map"
INT8 = "int8"
INSIDE = "inside"
KNOWN_NAMES = {"rank1": "acc_rank1", "rank5": "acc_rank5", "rank10": "acc_rank10", "map": "mAP"}
"""Our names of metrics -> ST's, between the model's precision and the set."""


def build(config: RunConfig, model: ModelInfo) -> ReidTask:
    """Build the use case for one run.

    Raises:
        UserError: When preprocessing and model contradict each other.
    """
    return ReidTask(
        preprocessing=ImagePreprocessing.from_config(config.preprocessing, model.input, imagenet_default=False),
        config=config,
        model=model,
    )


class ReidTask:
    """Offer sampling, augmentation, losses, metrics and searches of re-identification."""

    mirror_averaging = True
    """The embeddings of an image and its mirror image may be averaged."""
    outputs_are_classes = False
    """Exported models give embeddings; the persons of the training are not among their outputs."""

    def __init__(self, *, preprocessing: ImagePreprocessing, config: RunConfig, model: ModelInfo) -> None:
        self.preprocessing = preprocessing
        self.model = model
        self._config = config
        self._features: int | None = None
        self._section = config.model if isinstance(config.model, ReidModelSection) else ReidModelSection()

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the persons that the model is trained to tell apart."""
        return self.model.class_names

    @property
    def training(self) -> ReidTrainingSection:
        """Return the `training` section.

        Raises:
            UserError: When there is none.
        """
        if not isinstance(self._config.training, ReidTrainingSection):
            raise UserError("The training section is missing.")
        return self._config.training

    @property
    def augmentation(self) -> ReidAugmentationSection | None:
        """Return the `data_augmentation` section."""
        section = self._config.data_augmentation
        return section if isinstance(section, ReidAugmentationSection) else None

    @property
    def training_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return the sizes (height, width) in pixels that training images may have beside the input's own."""
        periodic = None if self.augmentation is None else self.augmentation.random_periodic_resizing
        return () if periodic is None else periodic.image_sizes

    @property
    def metric_synonyms(self) -> Mapping[str, str]:
        """Return what stands for the accuracy of Keras: on persons of the training their own, else rank 1."""
        by_image = getattr(self._config.dataset, "validation_split_by", "") == "image"
        return {"top1": "accuracy" if by_image and self._config.dataset.validation_path is None else "rank1"}

    def use_model(self, model: nn.Module) -> None:
        """Take note of the size of the embeddings that a network makes."""
        self._features = getattr(model, "embedding_size", None)

    @cached_property
    def features(self) -> int:
        """Return the numbers in an embedding: as the file has it, else as the network does or will.

        Raises:
            UserError: When nothing says it.
        """
        shapes = self.model.output_shapes
        if shapes and len(shapes[0]) > 1 and shapes[0][1] is not None:
            return int(shapes[0][1])
        return self._features or embedding_size(self._section, self.model.name, self.model.input)

    @property
    def normalized(self) -> bool:
        """Tell whether embeddings leave the exported model with length 1: as the file says, else as `model` does."""
        stored = (self.model.origin.get("decoding") or {}).get("normalized")
        exported = bool(self.model.output_shapes)
        return bool(stored) if exported and stored is not None else self._section.normalize == INSIDE

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing."""
        return TrainTransform(self.preprocessing, self.augmentation)

    def collate_targets(self, targets: Sequence[PersonLabel]) -> PersonTargets:
        """Return the persons of one batch."""
        return collate_persons(targets)

    def batch_transform(self) -> None:
        """Return nothing: pictures of a batch are not mixed."""

    def train_sampler(self, dataset: ImageDataset) -> PKSampler:
        """Return the sampler of batches of P persons with K pictures each.

        Raises:
            DataError: When there are fewer persons than a batch needs.
        """
        numbers = [label.number for label in dataset.targets]
        training = self.training
        return PKSampler(numbers, training.batch_size, training.num_instances, self._config.general.seed or 0)

    def criterion(self) -> nn.Module:
        """Return the sum of the losses that the `training` section names.

        Raises:
            MissingError: When a loss needs a package that is not installed.
        """
        return ReidLoss(self.training, identities=len(self.class_names), embedding_size=self.features)

    def train_metrics(self, outputs: Sequence[torch.Tensor], targets: PersonTargets) -> dict[str, torch.Tensor]:
        """Return the share of persons told right in a training batch, in percent."""
        if len(outputs) != len(("embedding", "features", "logits")):
            return {}
        return {"accuracy": 100 * (outputs[-1].argmax(1) == targets.numbers).float().mean()}

    def monitor(self) -> MetricValue:
        """Return the mean average precision of searches."""
        return MetricValue(name=MONITOR, value=0.0, unit="%")

    def evaluator(self) -> ReidEvaluator:
        """Return a fresh evaluator."""
        section = self._config.evaluation
        return ReidEvaluator(section if isinstance(section, ReidEvaluationSection) else ReidEvaluationSection())

    def decoder(self) -> ReidDecoder:
        """Return the searcher of predictions."""
        section = self._config.prediction
        return ReidDecoder(
            section if isinstance(section, ReidPredictionSection) else ReidPredictionSection(),
            features=self.features,
            normalized=self.normalized,
        )

    def model_options(self) -> Mapping[str, Any]:
        """Return nothing: the `model` section says everything of the network."""
        return {}

    def export_model(self, model: nn.Module) -> nn.Module:
        """Return the network without what only the training needs."""
        if not isinstance(model, Embedder):
            return model
        return PlainEmbedder(model, normalize=self._section.normalize == INSIDE)

    def draw_target(self, picture: Image, target: Any) -> Image:
        """Return a copy of a picture of the model's input with the name of the person."""
        return write_name(picture, target.identity) if isinstance(target, PersonLabel) else picture

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the outputs: there must be one embedding."""
        if len(shapes) != 1:
            return (f"The model has {len(shapes)} outputs; a model for re-identification has one, the embedding.",)
        sizes = shapes[0][1:]
        if not sizes or any(size not in (1, None) for size in sizes[1:]):
            found = " x ".join(str(size) for size in sizes) or "one number"
            return (f"The model's output has {found} numbers for each image; an embedding is a row of numbers.",)
        return ()

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return ST's key of a metric, such as `int_acc_rank1_test_set` or `float_mAP_test_set`."""
        known = KNOWN_NAMES.get(metric.name)
        if known is None or not metric.split:
            return None
        return f"{'int' if metric.model == INT8 else 'float'}_{known}_{metric.split}_set"
