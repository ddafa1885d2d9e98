"""Own the use case: what pose estimation adds to the generic services."""

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
from zoo_pose.augmentation.transform import TrainTransform
from zoo_pose.config import (
    PoseAugmentationSection,
    PoseDatasetSection,
    PoseEvaluationSection,
    PoseModelSection,
    PosePostprocessingSection,
    PoseTrainingSection,
)
from zoo_pose.config.training import HeatmapsSection
from zoo_pose.decoder import PoseDecoder
from zoo_pose.drawing import draw_labels
from zoo_pose.evaluator import PoseEvaluator
from zoo_pose.exported import export_model
from zoo_pose.families.base import Family
from zoo_pose.families.choice import choose_family
from zoo_pose.labels import PoseLabels, PoseTargets, collate_poses
from zoo_pose.loss.criterion import HeatmapLoss
from zoo_pose.loss.yolo import YoloPoseLoss
from zoo_pose.names import HEATMAPS_SPE, YOLO_MPE
from zoo_pose.postprocessing import PosePostProcessing
from zoo_pose.skeletons import Skeleton, skeleton_of

OKS, MAP = "oks", "map"
INT8 = "int8"
EVALUATION_CONFIDENCE, SHOWN_CONFIDENCE = 0.001, 0.5
"""Smallest score of a pose where the user gives none."""
KNOWN_NAMES = {OKS: "OKS", "ap50": "mAP_0.5", MAP: "mAP_0.5_0.95"}
"""Our names of metrics -> ST's, after the model's precision."""


def build(config: RunConfig, model: ModelInfo) -> PoseTask:
    """Build the use case for one run.

    Raises:
        UserError: When preprocessing, keypoints and model contradict each other.
    """
    return PoseTask(
        preprocessing=ImagePreprocessing.from_config(config.preprocessing, model.input, imagenet_default=False),
        config=config,
        model=model,
    )


class PoseTask:
    """Offer augmentation, losses, metrics and decoding of pose estimation."""

    def __init__(self, *, preprocessing: ImagePreprocessing, config: RunConfig, model: ModelInfo) -> None:
        self.preprocessing = preprocessing
        self.model = model
        self._config = config
        self._section = config.model if isinstance(config.model, PoseModelSection) else PoseModelSection()
        found = config.postprocessing
        self._postprocessing = found if isinstance(found, PosePostprocessingSection) else PosePostprocessingSection()

    @cached_property
    def skeleton(self) -> Skeleton:
        """Return the keypoints: as the `dataset` section, the annotations or the model file have them.

        Raises:
            UserError: When nothing says how many there are, or the section contradicts itself.
        """
        section = self._config.dataset
        section = section if isinstance(section, PoseDatasetSection) else PoseDatasetSection()
        decoding = self.model.origin.get("decoding") or {}
        names = self.model.class_names
        count = section.keypoints or decoding.get("keypoints") or len(names)
        if not count:
            raise UserError("Nothing says how many keypoints a pose has.", hint="Set dataset.keypoints.")
        links = tuple((int(link[0]), int(link[1])) for link in decoding.get("bindings") or ())
        return skeleton_of(section, int(count), names=names if len(names) == count else (), links=links)

    @cached_property
    def family(self) -> Family:
        """Return the reader of the model's outputs.

        Raises:
            UserError: When nothing says what form the outputs have.
        """
        return choose_family(self._section, self.model, self._postprocessing, self.skeleton.keypoints)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the names of the keypoints."""
        return self.skeleton.names

    @property
    def augmentation(self) -> PoseAugmentationSection | None:
        """Return the `data_augmentation` section."""
        section = self._config.data_augmentation
        return section if isinstance(section, PoseAugmentationSection) else None

    @property
    def training_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return the sizes (height, width) in pixels that training images may have beside the input's own."""
        periodic = None if self.augmentation is None else self.augmentation.random_periodic_resizing
        return () if periodic is None else periodic.image_sizes

    def train_transform(self) -> Callable[[Sample], tuple[torch.Tensor, Any]]:
        """Return augmentation plus preprocessing."""
        return TrainTransform(self.preprocessing, self.augmentation, self.skeleton.partners)

    def collate_targets(self, targets: Sequence[PoseLabels]) -> PoseTargets:
        """Return the poses of one batch."""
        return collate_poses(targets, self.preprocessing, self.skeleton.keypoints)

    def batch_transform(self) -> None:
        """Return nothing: images of a batch are not mixed."""

    def train_sampler(self, dataset: ImageDataset) -> None:
        """Return nothing: images are shuffled."""

    def criterion(self) -> nn.Module:
        """Return the loss of the model's family.

        Raises:
            UserError: When models of this family cannot be trained here.
        """
        if self.family.name == HEATMAPS_SPE:
            training = self._config.training
            return HeatmapLoss(training.heatmaps if isinstance(training, PoseTrainingSection) else HeatmapsSection())
        if self.family.name == YOLO_MPE:
            return YoloPoseLoss(self.skeleton.sigmas)
        msg = f"Models of the type {self.family.name} cannot be trained here; {HEATMAPS_SPE} and {YOLO_MPE} can."
        raise UserError(msg, hint="Choose a model_name: zoo list models")

    def monitor(self) -> MetricValue:
        """Return what decides: precision over all similarities of several poses, the mean similarity of one."""
        if self.family.multiple:
            return MetricValue(name=MAP, value=0.0, unit="%")
        return MetricValue(name=OKS, value=0.0)

    def post_processing(self, default_confidence: float) -> PosePostProcessing:
        """Return the way from outputs to poses, with the user's smallest score or else the one given here."""
        section = self._postprocessing
        return PosePostProcessing(
            self.family,
            confidence=default_confidence if section.confidence_thresh is None else section.confidence_thresh,
            overlap=section.NMS_thresh,
            limit=section.max_detection_boxes,
        )

    def evaluator(self) -> PoseEvaluator:
        """Return a fresh evaluator."""
        section = self._config.evaluation
        return PoseEvaluator(
            self.post_processing(EVALUATION_CONFIDENCE),
            self.preprocessing,
            self.skeleton,
            section if isinstance(section, PoseEvaluationSection) else PoseEvaluationSection(),
            multiple=self.family.multiple,
            plot=self._postprocessing.plot_metrics,
            iou=self._postprocessing.IoU_eval_thresh,
        )

    def decoder(self) -> PoseDecoder:
        """Return the decoder of predictions."""
        return PoseDecoder(
            self.post_processing(SHOWN_CONFIDENCE),
            self.preprocessing,
            self.skeleton,
            keypoint_confidence=self._postprocessing.kpts_conf_thresh,
        )

    def model_options(self) -> Mapping[str, Any]:
        """Return nothing: the `model` section says everything of the network."""
        return {}

    def export_model(self, model: nn.Module) -> nn.Module:
        """Return the network with names of its outputs, and with the decoding of several poses inside."""
        return export_model(model, self.preprocessing.input)

    def draw_target(self, picture: Image, target: Any) -> Image:
        """Return a copy of a picture of the model's input with its poses."""
        if not isinstance(target, PoseLabels):
            return picture
        return draw_labels(picture, target, self.skeleton, self.preprocessing)

    def check_outputs(self, shapes: Sequence[tuple[int | None, ...]]) -> tuple[str, ...]:
        """Return what is wrong with the outputs for the family of the model."""
        problems = self.family.check(shapes)
        if not problems:
            return ()
        form = f"{self.family.name} with {self.skeleton.keypoints} keypoints"
        return (*problems, f"The outputs are read as {form}; model.model_type and dataset.keypoints say so.")

    def metric_key(self, metric: MetricValue) -> str | None:
        """Return ST's key of a metric, such as `float_OKS` or `quantized_mAP_0.5`."""
        known = KNOWN_NAMES.get(metric.name)
        if known is None or not metric.split or (self.family.multiple == (metric.name == OKS)):
            return None
        return f"{'quantized' if metric.model == INT8 else 'float'}_{known}"
