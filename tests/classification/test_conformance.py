"""The package, its networks, data sets and trainer pass the checks that plugin authors run.

A few networks are taken in every run of the tests, all of them, with some of timm's families, by `make test-slow`.
"""

from pathlib import Path
from typing import Any

import pytest

from zoo_core.plugins import get_catalog
from zoo_core.testing.conformance import DatasetConformance, ModelConformance, PluginConformance, TrainerConformance
from zoo_core.testing.tiny import draw_tiny_dataset

QUICK = ("resnet8", "st_mnistv1")
EXPORT = ("test_onnx_computes_what_torch_computes", "test_int8_resembles_float")
QUICK_BUT_FOR_EXPORT = ("mobilenet_a025_pt", "st_resnetpico_actrelu_pt", "shufflenetv2_x050_pt")
BY_TIMM_NAME = ("efficientnet_lite0", "vit_tiny_patch16_224", "convnext_atto", "ghostnet_050", "regnety_002")
REGISTERED = tuple(
    entry.spec.name
    for entry in get_catalog().models.entries()
    if entry.spec.task == "classification" and entry.spec.family is None
)
OTHERS = (
    *(f"zoo-classification/{name}" for name in REGISTERED if name not in (*QUICK, *QUICK_BUT_FOR_EXPORT)),
    *BY_TIMM_NAME,
)


class Networks(ModelConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def resolved(cls, component: str) -> Any:
        found = get_catalog().models.resolve(component)
        if "pytorchcv" in found.spec.tags:
            pytest.importorskip("pytorchcv")
        return found


class TestNetworks(Networks):
    @pytest.fixture(scope="class", params=[*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


class TestLargerNetworks(Networks):
    slow_checks = EXPORT

    @pytest.fixture(scope="class", params=QUICK_BUT_FOR_EXPORT)
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


class TestPlugin(PluginConformance):
    distribution = "zoo-classification"


class TestFolders(DatasetConformance):
    dataset = "custom"


class TestImageNetFolders(DatasetConformance):
    dataset = "imagenet"
    splits = ("train", "validation")

    def section(self, folder: Path) -> dict[str, Any]:
        drawn = draw_tiny_dataset("classification", folder / "imagenet")
        return {"data_dir": str(folder), "class_names": drawn["class_names"], "workers": 0}


class TestDigits(DatasetConformance):
    dataset = "digits"
    reads_files = False
    supports_paths = False

    def section(self, folder: Path) -> dict[str, Any]:
        return {"workers": 0}


class TestTrainer(TrainerConformance):
    trainer = "lightning"
    model = "resnet8"
    training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.003, "warmup_epochs": 0}}  # noqa: RUF012


def test_quick_networks_are_registered() -> None:
    assert {*QUICK, *QUICK_BUT_FOR_EXPORT} <= set(REGISTERED)
