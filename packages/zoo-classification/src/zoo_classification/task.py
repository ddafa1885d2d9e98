"""Own the use case: what image classification adds to the generic services."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from zoo_classification.config import DataAugmentationSection
from zoo_classification.decoder import ClassificationDecoder
from zoo_classification.evaluator import ClassificationEvaluator
from zoo_core.config.sections import RunConfig
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.protocols import ImageDataset, ModelInfo, Sample
from zoo_core.results import MetricValue

if TYPE_CHECKING:
    from zoo_classification.criterion import ClassificationLoss

MONITOR = "top1"
INT8 = "int8"


def build(config: RunConfig, model: ModelInfo) -> ClassificationTask:
    """Build the use case for one run.

    Raises:
        UserError: When preprocessing and model contradict each other.
    """
    section = config.data_augmentation
    if section is not None and not isinstance(section, DataAugmentationSection):
        msg = f"data_augmentation is a {type(section).__name__}"
        raise TypeError(msg)
    return ClassificationTask(ImagePreprocessing.from_config(config.preprocessing, model.input), section, model)


class ClassificationTask:
    """Offer augmentation, loss, metrics and decoding of image classification.

    What only a training needs is imported when it is asked for: timm takes seconds.
    """

    mirror_averaging = True
    """The outputs for an image and its mirror image may be averaged."""

    def __init__(
        self, preprocessing: ImagePreprocessing, augmentation: DataAugmentationSection | None, model: ModelInfo
    ) -> None:
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.model = model

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes in the order of the model's outputs."""
        return self.model.class_names

    @property
    def augmentation_splits(self) -> int:
        """Return the number of copies of each image in a batch, 0 for the image alone."""
        return 0 if self.augmentation is None else self.augmentation.aug_splits

    @property
    def augmentation_repeats(self) -> int:
        """Return how often an image comes in a row."""
        return 1 if self.augmentation is None else max(1, self.augmentation.aug_repeats)

    @property
    def training_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return the sizes (height, width) in pixels that training images may have beside the input's own."""
        section = self.augmentation
        periodic = None if section is None or section.no_aug else section.random_periodic_resizing
        return () if periodic is None else periodic.image_sizes

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing; without a `data_augmentation` section preprocessing alone."""
        from zoo_classification.augmentation.transform import TrainTransform

        return TrainTransform(self.preprocessing, self.augmentation)

    def collate_targets(self, targets: Sequence[Any]) -> torch.Tensor:
        """Return class indices of shape (N,), int64."""
        return torch.tensor(list(targets), dtype=torch.int64)

    def batch_transform(self) -> Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]] | None:
        """Return mixup and cutmix, or nothing when both are off."""
        if self.augmentation is None or not self.augmentation.mixes:
            return None
        from zoo_classification.augmentation.mixing import BatchMixing

        return BatchMixing(self.augmentation, len(self.class_names))

    def train_sampler(self, dataset: ImageDataset) -> None:
        """Return nothing: images are shuffled."""

    def criterion(self) -> ClassificationLoss:
        """Return cross-entropy: smoothed, binary, or with the disagreement of copies, as `data_augmentation` says."""
        from zoo_classification.criterion import ClassificationLoss

        if self.augmentation is None:
            return ClassificationLoss()
        return ClassificationLoss(
            self.augmentation.smoothing,
            binary=self.augmentation.bce_loss,
            threshold=self.augmentation.bce_target_thresh,
            splits=self.augmentation.aug_splits if self.augmentation.jsd_loss else 0,
        )

    def train_metrics(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the share of right answers in a training batch in percent; nothing for mixed targets.

        Args:
            outputs: Logits of shape (N, K); with augmentation splits those of the first split count.
            targets: Class indices of shape (M,), or shares of each class of shape (N, K).
        """
        if targets.is_floating_point():
            return {}
        answers = outputs[: len(targets)].argmax(1)
        return {MONITOR: 100 * (answers == targets[: len(answers)]).float().mean()}

    def monitor(self) -> MetricValue:
        """Return top-1 accuracy."""
        return MetricValue(name=MONITOR, value=0.0, unit="%")

    def evaluator(self) -> ClassificationEvaluator:
        """Return a fresh evaluator."""
        return ClassificationEvaluator(self.class_names)

    def decoder(self) -> ClassificationDecoder:
        """Return the decoder of predictions."""
        return ClassificationDecoder(self.class_names)

    def model_options(self) -> Mapping[str, Any]:
        """Return the `drop...` keys of `data_augmentation`, which shape the network."""
        section = self.augmentation
        if section is None:
            return {}
        paths = section.drop_path if section.drop_path is not None else section.drop_connect
        options = {"drop": section.drop, "drop_path": paths, "drop_block": section.drop_block}
        return {name: value for name, value in options.items() if value is not None}

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the outputs: there must be one number per class."""
        wanted = len(self.class_names)
        if len(shapes) != 1:
            return (f"The model has {len(shapes)} outputs; a classifier has one.",)
        sizes = [size for size in shapes[0][1:] if size != 1]
        if None in sizes or math.prod(size for size in sizes if size is not None) == wanted:
            return ()
        found = " x ".join(str(size) for size in shapes[0][1:])
        return (f"The model's output has {found} numbers per image, and there are {wanted} classes.",)

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return ST's key of an accuracy, such as `int_acc_test_set`."""
        if metric.name != MONITOR or not metric.split:
            return None
        kind = "int" if metric.model == INT8 else "float"
        return f"{kind}_acc_{metric.split}_set"
