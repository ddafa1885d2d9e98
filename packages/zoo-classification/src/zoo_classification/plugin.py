"""Own the hooks of zoo-classification: the use case, its models and its data sets."""

from __future__ import annotations

from collections.abc import Iterator

from zoo_classification.models.table import LIBRARY_MODELS
from zoo_core import DatasetSpec, InputSpec, LazyRef, ModelSpec, TaskFiles, TaskSpec, hookimpl

zoo_api = 1

TASK = "classification"
MODEL_SECTION = "zoo_core.config.sections:ModelSection"
BUILDERS = {
    "timm": "zoo_classification.models.timm_models:build",
    "torchvision": "zoo_classification.models.torchvision_models:build",
}


@hookimpl
def zoo_tasks() -> Iterator[TaskSpec]:
    """Declare image classification."""
    yield TaskSpec(
        name=TASK,
        summary="Say which of a fixed list of classes an image shows.",
        aliases=("image_classification",),
        build=LazyRef("zoo_classification.task:build"),
        sections={"data_augmentation": LazyRef("zoo_classification.config:DataAugmentationSection")},
        default_dataset="custom",
        files=TaskFiles(best="model_best.pth.tar", last="last.pth.tar"),
        starter=LazyRef("zoo_classification.starter:TEXT"),
    )


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the models: small residual networks, ST's names, and all of timm."""
    for depth, thousands in ((8, 78), (20, 272), (32, 467)):
        yield ModelSpec(
            name=f"resnet{depth}",
            task=TASK,
            summary=f"ResNet-{depth} for images of 28 to 64 pixels, {thousands} k parameters for 10 classes.",
            aliases=(f"resnet{depth}_pt", f"resnet_v1_{depth}"),
            tags=frozenset({"small"}),
            build=LazyRef(f"zoo_classification.models.resnet_cifar:build_resnet{depth}"),
            config=LazyRef(MODEL_SECTION),
            input=InputSpec(3, 32, 32),
            licence="Apache-2.0",
        )
    for model in LIBRARY_MODELS:
        yield ModelSpec(
            name=model.name,
            task=TASK,
            summary=model.summary,
            aliases=model.aliases,
            tags=frozenset({model.library}),
            build=LazyRef(BUILDERS[model.library]),
            config=LazyRef(MODEL_SECTION),
            licence="Apache-2.0" if model.library == "timm" else "BSD-3-Clause",
            pretrained=("imagenet",) if model.weights else (),
        )
    yield ModelSpec(
        name="timm",
        task=TASK,
        summary="Every model of timm, by timm's own name.",
        tags=frozenset({"timm"}),
        build=LazyRef(BUILDERS["timm"]),
        config=LazyRef(MODEL_SECTION),
        licence="varies",
        pretrained=("imagenet",),
        family=LazyRef("zoo_classification.models.timm_models:names"),
    )


@hookimpl
def zoo_datasets() -> Iterator[DatasetSpec]:
    """Declare the data sets."""
    yield DatasetSpec(
        name="custom",
        task=TASK,
        summary="Images in one folder per class.",
        aliases=("custom_dataset", "tf_flowers", "flowers", "plant_leaf_diseases", "fashion_mnist"),
        build=LazyRef("zoo_classification.data.folder:build"),
        config=LazyRef("zoo_classification.config:FolderSection"),
    )
    yield DatasetSpec(
        name="imagenet",
        task=TASK,
        summary="ImageNet-1k as <data_dir>/imagenet/{train,val}/<synset>/<image>.",
        build=LazyRef("zoo_classification.data.folder:build"),
        config=LazyRef("zoo_classification.config:ImageNetSection"),
    )
    yield DatasetSpec(
        name="digits",
        task=TASK,
        summary="1,797 scanned digits of 8x8 pixels that come with scikit-learn; needs no download.",
        build=LazyRef("zoo_classification.data.digits:build"),
        config=LazyRef("zoo_classification.config:DigitsSection"),
    )
