"""Own the table of the pose estimators by name; data only, nothing heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_core.artifacts import InputSpec
from zoo_core.names import split_qualified
from zoo_pose.names import HEATMAPS_SPE, YOLO_MPE

BUILDER = "zoo_pose.models.build:build"
YOLO_BUILDER = "zoo_pose.models.yolo:build"
SINGLE, SEVERAL = InputSpec(3, 192, 192), InputSpec(3, 256, 256)
"""Usual inputs of models of one pose and of several."""
IMAGENET = "imagenet"
MOVENET = "st_movenet_lightning_heatmaps"
MOVENET_FULL = "st_movenet_lightning_a100_heatmaps"
"""Name of the same model at the full width."""
GENERIC = "heatmaps"
STRIDE = 16
"""Pixels between the cells of the coarsest map of the models that give heat maps."""


@dataclass(frozen=True, slots=True)
class PoseModel:
    """Describe one pose estimator."""

    name: str
    summary: str
    tags: frozenset[str]
    """The form of its outputs, as `model.model_type` names it."""
    licence: str
    aliases: tuple[str, ...] = ()
    pretrained: tuple[str, ...] = ()
    """Data sets for which weights of its backbone are published."""
    builder: str = BUILDER
    input: InputSpec = SINGLE


MODELS = (
    PoseModel(
        MOVENET,
        "One pose from heat maps, by MobileNetV2 of the width that model.alpha names, 1 when absent.",
        frozenset({HEATMAPS_SPE}),
        "BSD-3-Clause",
        aliases=(MOVENET_FULL,),
        pretrained=(IMAGENET,),
    ),
    PoseModel(
        GENERIC,
        "One pose from heat maps, by any feature model of timm, named by model.backbone.",
        frozenset({HEATMAPS_SPE}),
        "varies",
        pretrained=(IMAGENET,),
    ),
    *(
        PoseModel(
            f"st_yolodv2{size}_pose_pt",
            f"Boxes with keypoints of several persons, on the backbone and neck of ST_YOLOD v2 {size}.",
            frozenset({YOLO_MPE}),
            "weights of the backbone: SLA0044",
            aliases=(f"st_yolodv2{size}_actrelu_pose_pt",),
            pretrained=(IMAGENET,),
            builder=YOLO_BUILDER,
            input=SEVERAL,
        )
        for size in ("pico", "nano", "micro", "milli", "tiny")
    ),
    PoseModel(
        "st_yolod_pose",
        "Boxes with keypoints of several persons, on any feature model of timm, named by model.backbone.",
        frozenset({YOLO_MPE}),
        "varies",
        pretrained=(IMAGENET,),
        builder=YOLO_BUILDER,
        input=SEVERAL,
    ),
)


def find(name: str) -> PoseModel | None:
    """Return the row of a name or alias, ignoring case and a distribution before it; nothing when there is none."""
    folded = split_qualified(name)[1].casefold()
    return next((row for row in MODELS if folded in (row.name, *row.aliases)), None)
