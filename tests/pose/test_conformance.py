"""The package, its networks and data sets pass the checks that plugin authors run; all networks by `make test-slow`."""

import pytest

from zoo_core.plugins import get_catalog
from zoo_core.testing.conformance import DatasetConformance, ModelConformance, PluginConformance, TrainerConformance

QUICK = "st_movenet_lightning_heatmaps"
ON_ANY_BACKBONE = ("heatmaps", "st_yolod_pose")
OTHERS = tuple(
    entry.spec.name
    for entry in get_catalog().models.entries()
    if entry.spec.task == "pose" and entry.spec.name not in (QUICK, *ON_ANY_BACKBONE)
)


class TestQuickNetwork(ModelConformance):
    model = QUICK
    section = {"alpha": 0.35}  # noqa: RUF012
    slow_checks = ("test_onnx_computes_what_torch_computes", "test_int8_resembles_float")


@pytest.mark.slow
class TestNetworks(ModelConformance):
    @pytest.fixture(scope="class", params=OTHERS)
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


@pytest.mark.slow
class TestNetworksOnAnyBackbone(ModelConformance):
    section = {"backbone": "resnet10t"}  # noqa: RUF012

    @pytest.fixture(scope="class", params=ON_ANY_BACKBONE)
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


class TestPlugin(PluginConformance):
    distribution = "zoo-pose"


class TestYolo(DatasetConformance):
    dataset = "yolo"
    task = "pose"


class TestCoco(DatasetConformance):
    dataset = "coco"
    task = "pose"


class TestCsv(DatasetConformance):
    dataset = "csv"


@pytest.mark.slow
class TestTrainer(TrainerConformance):
    trainer = "lightning"
    model = QUICK
    section = {"alpha": 0.35}  # noqa: RUF012
    epochs = 40
    training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.01, "warmup_epochs": 0}}  # noqa: RUF012
