"""Own the choice of the family that reads a model's outputs, with what the family needs to know of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.lazy import LazyRef
from zoo_core.protocols import ModelInfo
from zoo_pose.config.model import PoseModelSection
from zoo_pose.config.postprocessing import PosePostprocessingSection
from zoo_pose.families.base import Family
from zoo_pose.families.hand_spe import LandmarksFamily
from zoo_pose.families.heatmaps_spe import HeatmapsFamily, map_size
from zoo_pose.families.spe import SpeFamily
from zoo_pose.names import HAND_SPE, HEAD_SPE, HEATMAPS_SPE, MODEL_TYPES, SPE, YOLO_MPE

MULTIPLE: LazyRef[Callable[[InputSpec, int], Family]] = LazyRef("zoo_pose.families.yolo_mpe:YoloMpeFamily")
HAND = 21
"""Keypoints of a hand; other models that give landmarks are taken for those of heads."""


def choose_family(
    section: PoseModelSection, model: ModelInfo, postprocessing: PosePostprocessingSection, keypoints: int
) -> Family:
    """Return the reader of a model's outputs.

    The type is what `model.model_type` says, else what belongs to the model's name, else what its file says, else what
    the shapes of its outputs fit.

    Raises:
        UserError: When nothing says what form the outputs have.
    """
    decoding: Mapping[str, Any] = model.origin.get("decoding") or {}
    named = sorted(frozenset(MODEL_TYPES) & model.tags)
    stated = section.model_type or next(iter(named), None) or decoding.get("family")
    if stated in MODEL_TYPES:
        return _build(str(stated), model, postprocessing, keypoints)
    for name in (SPE, HAND_SPE if keypoints == HAND else HEAD_SPE, HEATMAPS_SPE, YOLO_MPE):
        family = _build(name, model, postprocessing, keypoints)
        if model.output_shapes and not family.check(model.output_shapes):
            return family
    raise UserError(
        "model.model_type is missing, and neither the model's name, nor its file, nor the shapes of its outputs for"
        f" {keypoints} keypoints say how they are read.",
        hint=f"Set it to one of: {', '.join(MODEL_TYPES)}. dataset.keypoints is the number of keypoints.",
    )


def _build(name: str, model: ModelInfo, postprocessing: PosePostprocessingSection, keypoints: int) -> Family:
    if name == HEATMAPS_SPE:
        size = map_size(model.output_shapes, keypoints)
        return HeatmapsFamily(model.input, keypoints, decoding=postprocessing.decoding, size=size)
    if name == SPE:
        return SpeFamily(model.input, keypoints)
    if name == YOLO_MPE:
        return MULTIPLE.load()(model.input, keypoints)
    return LandmarksFamily(model.input, keypoints, name=name)
