"""Own the hooks of zoo-classification: the use case, its models and its data sets."""

from __future__ import annotations

from collections.abc import Iterator

from zoo_classification.data.table import OFFICIAL_DATASETS
from zoo_classification.models.table import MODELS
from zoo_core import DatasetSpec, LazyRef, ModelSpec, TaskFiles, TaskSpec, hookimpl

zoo_api = 1

TASK = "classification"
RECIPES = ("resnet8_cifar10",)
MODEL_SECTION = "zoo_core.config.sections:ModelSection"
EXTRAS = {"pytorchcv": "zoo-classification[pytorchcv]"}


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
        recipes={name: LazyRef(f"zoo_classification.recipes:{name}") for name in RECIPES},
    )


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the models: ST's names, by the table, and all of timm."""
    for row in MODELS:
        yield ModelSpec(
            name=row.name,
            task=TASK,
            summary=row.summary,
            aliases=row.aliases,
            tags=row.tags,
            build=LazyRef(f"zoo_classification.models.{row.builder}:build", extra=EXTRAS.get(row.library)),
            config=LazyRef(MODEL_SECTION),
            input=row.input,
            licence=row.licence,
            pretrained=("imagenet",) if row.weights else (),
        )
    yield ModelSpec(
        name="timm",
        task=TASK,
        summary="Every model of timm, by timm's own name.",
        tags=frozenset({"timm"}),
        build=LazyRef("zoo_classification.models.timm_models:build"),
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
        aliases=("custom_dataset", "tf_flowers", "flowers", "plant_leaf_diseases"),
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
    for row in OFFICIAL_DATASETS:
        yield DatasetSpec(
            name=row.name,
            task=TASK,
            summary=row.summary,
            aliases=row.aliases,
            tags=frozenset({"download"}),
            build=LazyRef(f"zoo_classification.data.{row.builder}"),
            config=LazyRef(f"zoo_classification.config:{row.section}"),
        )
    yield DatasetSpec(
        name="digits",
        task=TASK,
        summary="1,797 scanned digits of 8x8 pixels that come with scikit-learn; needs no download.",
        build=LazyRef("zoo_classification.data.digits:build"),
        config=LazyRef("zoo_classification.config:DigitsSection"),
    )
