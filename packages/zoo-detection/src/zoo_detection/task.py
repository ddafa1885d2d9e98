"""Own the use case: what object detection adds to the generic services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from PIL.Image import Image
from torch import nn

from zoo_core.config.sections import RunConfig
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError
from zoo_core.protocols import ImageDataset, ModelInfo, Sample
from zoo_core.results import MetricValue
from zoo_detection.augmentation.multiscale import MultiScale, training_sizes
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.transform import DetectionTrainTransform
from zoo_detection.config import DetectionAugmentationSection, DetectionModelSection, PostprocessingSection
from zoo_detection.config.postprocessing import EVALUATION_CONFIDENCE, SHOWN_CONFIDENCE
from zoo_detection.config.training import SsdTrainingSection, YolodTrainingSection
from zoo_detection.decoder import DetectionDecoder
from zoo_detection.evaluator import DetectionEvaluator
from zoo_detection.exported import RawDetector, decoded
from zoo_detection.families.base import Family
from zoo_detection.families.choice import choose_family
from zoo_detection.labels import BoxLabels
from zoo_detection.loss.multibox import MultiBoxLoss
from zoo_detection.loss.yolod import YolodLoss
from zoo_detection.names import SSD, YOLOD
from zoo_detection.postprocessing import PostProcessing
from zoo_detection.targets import BoxTargets, collate_boxes

MONITOR = "map"
INT8 = "int8"
INSIDE = "inside"
ST_METRICS = ("st_map", "st_mpre", "st_mrec")
RAW_OUTPUTS = {SSD: 2, YOLOD: 3}


def build(config: RunConfig, model: ModelInfo) -> DetectionTask:
    """Build the use case for one run.

    Raises:
        UserError: When preprocessing, model and model type contradict each other.
    """
    section = config.model if isinstance(config.model, DetectionModelSection) else DetectionModelSection()
    postprocessing = config.postprocessing
    if not isinstance(postprocessing, PostprocessingSection):
        postprocessing = PostprocessingSection()
    return DetectionTask(
        preprocessing=ImagePreprocessing.from_config(config.preprocessing, model.input, imagenet_default=False),
        family=choose_family(section, model, postprocessing),
        model=model,
        section=section,
        postprocessing=postprocessing,
        plan=_plan(config),
        epochs=1 if config.training is None else config.training.epochs,
        no_aug_epochs=getattr(config.training, "plain_epochs", 0),
    )


def _plan(config: RunConfig) -> Augmentation:
    presets = ((YolodTrainingSection, "yolod"), (SsdTrainingSection, "ssd"))
    preset = next((name for kind, name in presets if isinstance(config.training, kind)), "none")
    section = config.data_augmentation
    return Augmentation.resolve(section if isinstance(section, DetectionAugmentationSection) else None, preset)


class DetectionTask:
    """Offer augmentation, losses, metrics and decoding of object detection."""

    def __init__(
        self,
        *,
        preprocessing: ImagePreprocessing,
        family: Family,
        model: ModelInfo,
        section: DetectionModelSection,
        postprocessing: PostprocessingSection,
        plan: Augmentation,
        epochs: int,
        no_aug_epochs: int,
    ) -> None:
        self.preprocessing = preprocessing
        self.family = family
        self.model = model
        self.plan = plan
        self._section = section
        self._postprocessing = postprocessing
        self._epochs = epochs
        self._no_aug_epochs = no_aug_epochs

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes in the order of the model's outputs."""
        return self.model.class_names

    @property
    def category_ids(self) -> tuple[int, ...] | None:
        """Return the numbers of the classes in result files: the data set's, else those that the model file knows."""
        stored = (self.model.origin.get("decoding") or {}).get("category_ids") or ()
        known = self.model.class_ids or tuple(stored)
        return known if len(known) == len(self.class_names) else None

    def post_processing(self, default_confidence: float) -> PostProcessing:
        """Return the way from outputs to boxes, with the user's smallest score or else the one given here."""
        section = self._postprocessing
        return PostProcessing(
            self.family,
            confidence=default_confidence if section.confidence_thresh is None else section.confidence_thresh,
            overlap=section.NMS_thresh,
            limit=section.max_detection_boxes,
        )

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing."""
        return DetectionTrainTransform(
            self.preprocessing, self.plan, no_aug_epochs=self._no_aug_epochs, epochs=self._epochs
        )

    def collate_targets(self, targets: Sequence[Any]) -> BoxTargets:
        """Return the boxes of one batch."""
        return collate_boxes(targets, self.preprocessing)

    def batch_transform(self) -> Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]] | None:
        """Return the change of size of whole batches, or nothing.

        Raises:
            UserError: When it is asked for a model that takes one size only.
        """
        sizes = training_sizes(self.preprocessing.input, self.plan)
        if sizes and self.family.name != YOLOD:
            msg = f"data_augmentation.multiscale_range: models of the type {self.family.name} take one size only."
            raise UserError(msg, hint="Set data_augmentation.multiscale_range to 0 and remove random_size.")
        return MultiScale(sizes) if sizes else None

    def train_sampler(self, dataset: ImageDataset) -> None:
        """Return nothing: images are shuffled."""

    def criterion(self) -> nn.Module:
        """Return the loss of the model's family.

        Raises:
            UserError: When models of this family cannot be trained here.
        """
        if self.family.name == YOLOD:
            strides = tuple(self.family.describe()["strides"])
            return YolodLoss(strides, len(self.class_names), self._no_aug_epochs)
        if self.family.name == SSD:
            priors = torch.from_numpy(self.family.priors.copy())  # type: ignore[attr-defined]
            return MultiBoxLoss(priors, len(self.class_names))
        msg = f"Models of the type {self.family.name} cannot be trained here; {YOLOD} and {SSD} can."
        raise UserError(msg, hint="Choose a model_name: zoo list models")

    def monitor(self) -> MetricValue:
        """Return the average precision of COCO, over overlaps of 0.50 to 0.95."""
        return MetricValue(name=MONITOR, value=0.0, unit="%")

    def evaluator(self) -> DetectionEvaluator:
        """Return a fresh evaluator."""
        return DetectionEvaluator(
            self.post_processing(EVALUATION_CONFIDENCE),
            self.preprocessing,
            self.class_names,
            iou=self._postprocessing.IoU_eval_thresh,
            plot=self._postprocessing.plot_metrics,
        )

    def decoder(self) -> DetectionDecoder:
        """Return the decoder of predictions."""
        return DetectionDecoder(
            self.post_processing(SHOWN_CONFIDENCE),
            self.preprocessing,
            self.class_names,
            category_ids=self.category_ids,
        )

    def model_options(self) -> Mapping[str, Any]:
        """Return nothing: the `model` section says everything of the network."""
        return {}

    def export_model(self, model: nn.Module) -> nn.Module:
        """Return the network with names of its outputs, and with its decoding where `model.decode` says so."""
        if self._section.decode == INSIDE:
            return decoded(model, self.family.name, self.preprocessing.input)
        return RawDetector(model, RAW_OUTPUTS.get(self.family.name, 0))

    def draw_target(self, picture: Image, target: Any) -> Image:
        """Return a copy of a picture of the model's input with its boxes."""
        if not isinstance(target, BoxLabels):
            return picture
        from zoo_detection.drawing import draw_labels

        return draw_labels(picture, target, self.class_names, self.preprocessing)

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the outputs for the family of the model."""
        problems = self.family.check(shapes)
        if not problems:
            return ()
        return (
            *problems,
            f"The outputs are read as those of the type {self.family.name}; model.model_type says which.",
        )

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return ST's key of its own precision, such as `quantized_model_map`."""
        if metric.name not in ST_METRICS or not metric.split:
            return None
        return f"{'quantized' if metric.model == INT8 else 'float'}_model_{metric.name.removeprefix('st_')}"
