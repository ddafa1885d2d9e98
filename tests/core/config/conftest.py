"""Own a small catalogue of invented components for the tests of configurations."""

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from zoo_core.config.load import LoadedConfig, load_config
from zoo_core.config.section import Section
from zoo_core.config.sections import BenchmarkingSection, DatasetSection, ModelSection, TrainingSection
from zoo_core.errors import ConfigError, ConfigIssue
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.specs import (
    BENCHMARK,
    DEPLOY,
    INFER,
    DatasetSpec,
    ModelSpec,
    QuantizerSpec,
    TargetSpec,
    TaskSpec,
    TrainerSpec,
)

MODULE = "sections_of_invented_components"


class NetSection(ModelSection):
    alpha: Annotated[float, Field(gt=0.0)] = 1.0


class CountingData(Section):
    noise: float = 0.0


class CountingTraining(TrainingSection):
    margin: float = 0.3


class SorterTraining(TrainingSection):
    order: str = "size"


class BuiltInDataset(DatasetSection):
    def missing_for(self, splits):
        return []


class NeedsSize(DatasetSection):
    size: int


class BoardSection(BenchmarkingSection):
    clock: int = 400


def _register() -> None:
    module = types.ModuleType(MODULE)
    for kind in (NetSection, CountingData, CountingTraining, SorterTraining, BuiltInDataset, BoardSection, NeedsSize):
        setattr(module, kind.__name__, kind)
    sys.modules[MODULE] = module


_register()
BUILD = LazyRef(f"{MODULE}:build")


def ref(name: str) -> LazyRef:
    return LazyRef(f"{MODULE}:{name}")


SECTIONS = "zoo_core.config.sections"
SPECS = (
    TaskSpec(
        name="counting",
        summary="Count objects.",
        aliases=("object_counting",),
        build=BUILD,
        sections={"data_augmentation": ref("CountingData"), "training": ref("CountingTraining")},
        default_dataset="folder",
        model_types=("density",),
    ),
    TaskSpec(name="sorting", summary="Sort objects.", build=BUILD, sections={"postprocessing": ref("CountingData")}),
    ModelSpec(
        name="acme_net", task="counting", summary="Net.", aliases=("acme",), build=BUILD, config=ref("NetSection")
    ),
    ModelSpec(name="sort_net", task="sorting", summary="Net.", build=BUILD, config=LazyRef(f"{SECTIONS}:ModelSection")),
    DatasetSpec(
        name="folder", task="counting", summary="Folders.", build=BUILD, config=LazyRef(f"{SECTIONS}:DatasetSection")
    ),
    DatasetSpec(name="beans", task="counting", summary="Beans.", build=BUILD, config=ref("BuiltInDataset")),
    DatasetSpec(name="shelf", task="sorting", summary="Shelf.", build=BUILD, config=ref("BuiltInDataset")),
    TrainerSpec(name="lightning", summary="Trainer.", build=BUILD),
    TrainerSpec(
        name="sorter", summary="Trainer.", build=BUILD, tasks=frozenset({"sorting"}), config=ref("SorterTraining")
    ),
    QuantizerSpec(
        name="onnx_quantizer",
        summary="Quantizer.",
        aliases=("Onnx_quantizer",),
        build=BUILD,
        config=LazyRef(f"{SECTIONS}:QuantizationSection"),
    ),
    TargetSpec(name="host", summary="This machine.", build=BUILD, abilities=frozenset({BENCHMARK, INFER})),
    TargetSpec(
        name="acme_board",
        summary="Board.",
        aliases=("ACME-H747I-DISCO",),
        build=BUILD,
        abilities=frozenset({BENCHMARK, DEPLOY}),
        sections={"benchmarking": ref("BoardSection")},
    ),
)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.of(*SPECS, distribution="zoo-acme", version="1.0")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(text: str, name: str = "user_config.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def load(write, catalog) -> Callable[..., LoadedConfig]:
    def load_text(text: str, *overrides: str) -> LoadedConfig:
        return load_config(write(text), overrides, catalog=catalog)

    return load_text


@pytest.fixture
def faults(load) -> Callable[..., dict[str, ConfigIssue]]:
    """Return the issues of a text by key."""

    def find(text: str, *overrides: str) -> dict[str, ConfigIssue]:
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides)
        return {issue.key: issue for issue in caught.value.issues}

    return find
