"""Own the hooks of zoo-detection: the use case, its models, data sets and trainers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo_core import DatasetSpec, LazyRef, ModelSpec, TaskFiles, TaskSpec, TrainerSpec, hookimpl
from zoo_core.artifacts import InputSpec
from zoo_detection.names import MODEL_TYPES, SSD, YOLOD

zoo_api = 1

TASK = "detection"
MODEL_SECTION: LazyRef[Any] = LazyRef("zoo_detection.config:DetectionModelSection")
DATASET_SECTION: LazyRef[Any] = LazyRef("zoo_detection.config:DetectionDatasetSection")
SSD_MODELS = {
    "ssd_mobilenetv1_pt": "SSD on MobileNetV1.",
    "ssdlite_mobilenetv1_pt": "SSD with depthwise heads on MobileNetV1.",
    "ssd_mobilenetv2_pt": "SSD on MobileNetV2.",
    "ssdlite_mobilenetv2_pt": "SSD with depthwise heads on MobileNetV2.",
    "ssdlite_mobilenetv3small_pt": "SSD with depthwise heads on MobileNetV3 small.",
    "ssdlite_mobilenetv3large_pt": "SSD with depthwise heads on MobileNetV3 large.",
}
YOLOD_SIZES = {
    "pico": "the smallest",
    "nano": "smaller than micro",
    "micro": "smaller than milli",
    "milli": "3.3 M parameters",
    "tiny": "4.9 M parameters",
}
GENERIC = {
    "ssd": (SSD, "SSD on any feature backbone of timm, named by model.backbone."),
    "ssdlite": (SSD, "SSD with depthwise heads on any feature backbone of timm, named by model.backbone."),
    "st_yolod": (YOLOD, "Neck and head of ST_YOLOD on any feature backbone of timm, named by model.backbone."),
}
BUILDERS = {SSD: "zoo_detection.models.ssd:build", YOLOD: "zoo_detection.models.st_yolod:build"}
TRAINERS = {SSD: "ssd", YOLOD: "yolod"}
INPUTS = {SSD: InputSpec(3, 300, 300), YOLOD: InputSpec(3, 320, 320)}
PUBLISHED = ("coco", "coco_person", "voc", "imagenet")
PUBLISHED_YOLOD = {
    "nano": ("imagenet",),
    "milli": ("coco", "coco_person", "imagenet"),
    "tiny": ("coco", "coco_person", "imagenet"),
}


@hookimpl
def zoo_tasks() -> Iterator[TaskSpec]:
    """Declare object detection."""
    yield TaskSpec(
        name=TASK,
        summary="Find objects of a fixed list of classes on an image, each with a box and a score.",
        aliases=("object_detection",),
        build=LazyRef("zoo_detection.task:build"),
        sections={
            "model": MODEL_SECTION,
            "data_augmentation": LazyRef("zoo_detection.config:DetectionAugmentationSection"),
            "postprocessing": LazyRef("zoo_detection.config:PostprocessingSection"),
        },
        default_dataset="coco",
        model_types=MODEL_TYPES,
        files=TaskFiles(
            best="best_ckpt.pth",
            last="latest_ckpt.pth",
            history="epoch_{epoch}_ckpt",
            folder="{model}",
            events="tensorboard",
        ),
        starter=LazyRef("zoo_detection.starter:TEXT"),
    )


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the models: ST's names, and both families on any backbone of timm."""
    for name, summary in SSD_MODELS.items():
        yield _model(name, SSD, summary, pretrained=PUBLISHED, licence="as timm, torchvision and ST state")
    for size, words in YOLOD_SIZES.items():
        summary = f"ST_YOLOD v2 {size}, {words}: YOLOX head on STResNet."
        published = PUBLISHED_YOLOD.get(size, ())
        yield _model(f"st_yolodv2{size}_actrelu_pt", YOLOD, summary, pretrained=published, licence="weights: SLA0044")
    for name, (family, summary) in GENERIC.items():
        yield _model(name, family, summary, pretrained=("imagenet",), licence="varies")


@hookimpl
def zoo_datasets() -> Iterator[DatasetSpec]:
    """Declare the forms of annotations."""
    formats = {
        "coco": ("Boxes in one JSON file for each split, as COCO has them.", ("coco_person", "coco2017")),
        "voc": ("Boxes in one XML file for each image, as Pascal VOC has them.", ("pascal_voc", "voc2007", "voc2012")),
        "yolo": ("Boxes in one text file beside each image, as Darknet has them.", ("darknet_yolo",)),
    }
    for name, (summary, aliases) in formats.items():
        yield DatasetSpec(
            name=name,
            task=TASK,
            summary=summary,
            aliases=aliases,
            build=LazyRef("zoo_detection.data.build:build"),
            config=DATASET_SECTION,
            writer=LazyRef(f"zoo_detection.data.writers:write_{name}"),
        )


@hookimpl
def zoo_trainers() -> Iterator[TrainerSpec]:
    """Declare the trainers: core's training loop with the recipes of ST's detectors."""
    recipes = {
        "yolod": ("Train ST_YOLOD by the recipe of YOLOX.", "YolodTrainingSection"),
        "ssd": ("Train an SSD.", "SsdTrainingSection"),
    }
    for name, (summary, section) in recipes.items():
        yield TrainerSpec(
            name=name,
            summary=summary,
            tasks=frozenset({TASK}),
            build=LazyRef("zoo_core.training.trainer:build"),
            config=LazyRef(f"zoo_detection.config:{section}"),
        )


def _model(name: str, family: str, summary: str, *, pretrained: tuple[str, ...], licence: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        task=TASK,
        summary=summary,
        tags=frozenset({family}),
        build=LazyRef(BUILDERS[family]),
        config=MODEL_SECTION,
        input=INPUTS[family],
        licence=licence,
        pretrained=pretrained,
        trainer=TRAINERS[family],
    )
