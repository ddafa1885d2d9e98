"""Own the hooks of zoo-reid: the use case, its models and its data sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zoo_core import DatasetSpec, LazyRef, ModelSpec, TaskFiles, TaskSpec, hookimpl
from zoo_reid.models.table import MODELS

zoo_api = 1

TASK = "reid"
MODEL_SECTION: LazyRef[Any] = LazyRef("zoo_reid.config:ReidModelSection")
DATASET_SECTION: LazyRef[Any] = LazyRef("zoo_reid.config:ReidDatasetSection")
SECTIONS = {
    "model": "ReidModelSection",
    "training": "ReidTrainingSection",
    "data_augmentation": "ReidAugmentationSection",
    "evaluation": "ReidEvaluationSection",
    "prediction": "ReidPredictionSection",
    "app": "AppSection",
}
KEYS = (
    "dataset.test_query_path",
    "dataset.test_gallery_path",
    "dataset.prediction_query_path",
    "dataset.prediction_gallery_path",
    "training.triplet_loss",
    "evaluation.reid_distance_metric",
    "prediction.reid_distance_metric",
    "app",
)
DATASETS = {
    "flat": ("Pictures named <identity>_<anything> in one folder, as ST's services read them.", ("custom",), "flat"),
    "market1501": (
        "Market-1501 as it is distributed: persons and cameras in the names of the files.",
        ("market", "market_1501", "market-1501"),
        "market1501",
    ),
    "dukemtmc": ("DukeMTMC-reID as it was distributed.", ("dukemtmc_reid", "dukemtmcreid", "dukemtmc-reid"), None),
    "msmt17": ("MSMT17: folders per person, and lists of files.", ("msmt17_v1", "msmt17_v2"), None),
    "deepsportradar": (
        "DeepSportradar player re-identification: <person>_<sequence>_<frame>.",
        ("synergyreid", "deepsportradar-reid", "deepsportradar_reid"),
        None,
    ),
    "folders": ("Pictures in one folder per person.", ("identity_folders",), "folders"),
}
"""Name -> what it is, other names, and what `zoo data convert` writes it with."""


@hookimpl
def zoo_tasks() -> Iterator[TaskSpec]:
    """Declare re-identification."""
    yield TaskSpec(
        name=TASK,
        summary="Turn pictures of persons into embeddings by which a person is found among other pictures.",
        aliases=("re_identification", "person_reid", "reidentification"),
        build=LazyRef("zoo_reid.task:build"),
        sections={name: LazyRef(f"zoo_reid.config:{section}") for name, section in SECTIONS.items()},
        default_dataset="flat",
        keys=KEYS,
        files=TaskFiles(
            best="best_model_classification.pt",
            last="last_model.pt",
            headless="best_model.pt",
            evaluation_in_run=True,
        ),
        starter=LazyRef("zoo_reid.starter:TEXT"),
    )


@hookimpl
def zoo_models() -> Iterator[ModelSpec]:
    """Declare the models: ST's names, and an embedder on any backbone of timm."""
    for row in MODELS:
        yield ModelSpec(
            name=row.name,
            task=TASK,
            summary=row.summary,
            build=LazyRef("zoo_reid.models.build:build"),
            config=MODEL_SECTION,
            input=row.input,
            licence=row.licence,
            pretrained=row.pretrained,
        )


@hookimpl
def zoo_datasets() -> Iterator[DatasetSpec]:
    """Declare the forms of data sets."""
    for name, (summary, aliases, writer) in DATASETS.items():
        yield DatasetSpec(
            name=name,
            task=TASK,
            summary=summary,
            aliases=aliases,
            build=LazyRef("zoo_reid.data.build:build"),
            config=DATASET_SECTION,
            writer=None if writer is None else LazyRef(f"zoo_reid.data.writers:write_{writer}"),
        )
