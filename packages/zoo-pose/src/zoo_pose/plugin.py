"""Own the hooks of zoo-pose: the use case, its models and its data sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo_core import DatasetSpec, LazyRef, ModelSpec, TaskFiles, TaskSpec, hookimpl
from zoo_pose.models.table import MODELS
from zoo_pose.names import MODEL_TYPES

zoo_api = 1

TASK = "pose"
MODEL_SECTION: LazyRef[Any] = LazyRef("zoo_pose.config:PoseModelSection")
DATASET_SECTION: LazyRef[Any] = LazyRef("zoo_pose.config:PoseDatasetSection")
SECTIONS = {
    "model": "PoseModelSection",
    "training": "PoseTrainingSection",
    "data_augmentation": "PoseAugmentationSection",
    "postprocessing": "PosePostprocessingSection",
    "evaluation": "PoseEvaluationSection",
}
DATASETS = {
    "yolo": (
        "Keypoints in one text file beside each image, as Darknet has them: the form of ST's services.",
        ("darknet_yolo", "custom"),
        "yolo",
    ),
    "coco": (
        "Keypoints of persons in one JSON file for each split, as COCO has them.",
        ("coco_pose", "coco2017_pose", "person_keypoints"),
        "coco",
    ),
    "csv": ("Keypoints in one table for each split, as DeepLabCut writes them.", ("deeplabcut", "dlc"), None),
}
"""Name -> what it is, other names, and what `zoo data convert` writes it with."""


@hookimpl
def zoo_tasks() -> Iterator[TaskSpec]:
    """Declare pose estimation."""
    yield TaskSpec(
        name=TASK,
        summary="Find the keypoints of persons, hands or animals on an image.",
        aliases=("pose_estimation",),
        build=LazyRef("zoo_pose.task:build"),
        sections={name: LazyRef(f"zoo_pose.config:{section}") for name, section in SECTIONS.items()},
        default_dataset="yolo",
        model_types=MODEL_TYPES,
        keys=("dataset.keypoints",),
        files=TaskFiles(),
        starter=LazyRef("zoo_pose.starter:TEXT"),
    )


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the models: ST's names, and heat maps on any backbone of timm."""
    for row in MODELS:
        yield ModelSpec(
            name=row.name,
            task=TASK,
            summary=row.summary,
            aliases=row.aliases,
            tags=row.tags,
            build=LazyRef(row.builder),
            config=MODEL_SECTION,
            input=row.input,
            licence=row.licence,
            pretrained=row.pretrained,
        )


@hookimpl
def zoo_datasets() -> Iterator[DatasetSpec]:
    """Declare the forms of annotations."""
    for name, (summary, aliases, writer) in DATASETS.items():
        yield DatasetSpec(
            name=name,
            task=TASK,
            summary=summary,
            aliases=aliases,
            build=LazyRef("zoo_pose.data.build:build"),
            config=DATASET_SECTION,
            writer=None if writer is None else LazyRef(f"zoo_pose.data.writers:write_{writer}"),
        )
