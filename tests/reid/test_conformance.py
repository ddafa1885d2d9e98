"""The package, its networks and data sets pass the checks that plugin authors run; all networks by `make test-slow`."""

import pytest

from zoo_core.plugins import get_catalog
from zoo_core.testing.conformance import DatasetConformance, ModelConformance, PluginConformance, TrainerConformance

QUICK = "mobilenetv1_a025"
ON_ANY_BACKBONE = "embedder"
OTHERS = tuple(
    entry.spec.name
    for entry in get_catalog().models.entries()
    if entry.spec.task == "reid" and entry.spec.name not in (QUICK, ON_ANY_BACKBONE)
)


class TestQuickNetwork(ModelConformance):
    model = QUICK
    slow_checks = ("test_onnx_computes_what_torch_computes", "test_int8_resembles_float")


@pytest.mark.slow
class TestNetworks(ModelConformance):
    @pytest.fixture(scope="class", params=[f"zoo-reid/{name}" for name in OTHERS])
    @classmethod
    def component(cls, request: pytest.FixtureRequest) -> str:
        return request.param


@pytest.mark.slow
class TestNetworkOnAnyBackbone(ModelConformance):
    model = ON_ANY_BACKBONE
    section = {"backbone": "resnet10t"}  # noqa: RUF012


class TestPlugin(PluginConformance):
    distribution = "zoo-reid"


class TestFlat(DatasetConformance):
    dataset = "flat"


class TestMarket1501(DatasetConformance):
    dataset = "market1501"


class TestFolders(DatasetConformance):
    dataset = "zoo-reid/folders"


@pytest.mark.slow
class TestTrainer(TrainerConformance):
    trainer = "lightning"
    model = QUICK
    training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.003, "warmup_epochs": 0}}  # noqa: RUF012
