"""The package, its networks and data sets pass the checks that plugin authors run; all networks by `make test-slow`."""

import numpy as np
import pytest
from PIL import Image

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


def draw(path):
    """Draw a picture whose pixels follow from its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(str(path).encode())).integers(0, 256, (32, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


class TestDukeMtmc(DatasetConformance):
    dataset = "dukemtmc"

    def section(self, folder):
        people = {"bounding_box_train": (1, 2, 3, 4), "query": (5, 6), "bounding_box_test": (5, 6)}
        for part, persons in people.items():
            cameras = (1,) if part == "query" else (2, 3)
            for person in persons:
                for camera in cameras:
                    for shot in (1, 2):
                        draw(folder / "DukeMTMC-reID" / part / f"{person:04d}_c{camera}_f{shot:07d}.jpg")
        train = folder / "DukeMTMC-reID/bounding_box_train"
        return {"dataset_name": "dukemtmc", "data_dir": str(folder), "training_path": str(train), "workers": 0}


class TestMsmt17(DatasetConformance):
    dataset = "msmt17"

    def section(self, folder):
        lists = {
            "list_train.txt": ("train", (0, 1, 2, 3), "0303morning", (1, 2, 3)),
            "list_query.txt": ("test", (0, 1), "0303morning", (1,)),
            "list_gallery.txt": ("test", (0, 1), "0303noon", (14,)),
        }
        root = folder / "MSMT17"
        for name, (part, persons, time, cameras) in lists.items():
            shots = [
                f"{person:04d}/{person:04d}_00{shot}_{camera:02d}_{time}_0008_0.jpg"
                for person in persons
                for shot, camera in enumerate(cameras)
            ]
            for shot in shots:
                draw(root / part / shot)
            (root / name).write_text("".join(f"{shot} {int(shot[:4])}\n" for shot in shots))
        train = root / "train"
        return {"dataset_name": "msmt17", "data_dir": str(folder), "training_path": str(train), "workers": 0}


class TestDeepSportradar(DatasetConformance):
    dataset = "deepsportradar"

    def section(self, folder):
        people = {"reid_training": (1, 2, 3, 4), "reid_test/query": (9, 10), "reid_test/gallery": (9, 10)}
        for part, persons in people.items():
            for person in persons:
                for shot in (1, 2, 3):
                    draw(folder / "data_reid" / part / f"{person:04d}_{len(part):04d}_{shot:04d}.jpeg")
        train = folder / "data_reid/reid_training"
        return {"dataset_name": "deepsportradar", "data_dir": str(folder), "training_path": str(train), "workers": 0}


class TestFolders(DatasetConformance):
    dataset = "zoo-reid/folders"


@pytest.mark.slow
class TestTrainer(TrainerConformance):
    trainer = "lightning"
    model = QUICK
    training = {"optimizer": {"opt": "adamw"}, "lr_scheduler": {"lr": 0.003, "warmup_epochs": 0}}  # noqa: RUF012
