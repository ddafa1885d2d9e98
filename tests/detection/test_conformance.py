"""The package, its networks, data sets and trainers pass the checks that plugin authors run.

Most networks and the trainers are taken by `make test-slow`.
"""

import pytest

from zoo_core.plugins import get_catalog
from zoo_core.testing.conformance import DatasetConformance, ModelConformance, PluginConformance, TrainerConformance

QUICK = "st_yolodv2pico_actrelu_pt"
ON_ANY_BACKBONE = ("ssd", "ssdlite", "st_yolod")
OTHERS = tuple(
    entry.spec.name
    for entry in get_catalog().models.entries()
    if entry.spec.task == "detection" and entry.spec.name not in (QUICK, *ON_ANY_BACKBONE)
)


class TestQuickNetwork(ModelConformance):
    model = QUICK
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
    distribution = "zoo-detection"


class TestCoco(DatasetConformance):
    dataset = "coco"
    task = "detection"


class TestVoc(DatasetConformance):
    dataset = "voc"


class TestYolo(DatasetConformance):
    dataset = "yolo"
    task = "detection"


@pytest.mark.slow
class TestYolodTrainer(TrainerConformance):
    trainer = "yolod"
    model = QUICK
    epochs = 60
    sections = {"data_augmentation": {"multiscale_range": 0, "mosaic_prob": 0.0}}  # noqa: RUF012
    training = {  # noqa: RUF012
        "no_aug_epochs": 1,
        "model_ema": False,
        "optimizer": {"opt": "adamw"},
        "lr_scheduler": {"lr": 0.005, "warmup_epochs": 0},
    }


@pytest.mark.slow
class TestSsdTrainer(TrainerConformance):
    trainer = "ssd"
    model = "ssdlite_mobilenetv1_pt"
    epochs = 60
    training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.003, "warmup_epochs": 0}}  # noqa: RUF012
