"""Splits without images of their own, chosen in one way for every data set, and named."""

import numpy as np
import pytest
from PIL import Image

from zoo_classification.config import FolderSection
from zoo_classification.data.image_files import ImageFiles
from zoo_classification.data.split_sources import SplitSources
from zoo_core.errors import DataError
from zoo_core.protocols import SPLITS, DataRequest


@pytest.fixture
def pictures(tmp_path):
    """Twelve pictures in two folders."""
    root = tmp_path / "pictures"
    for index in range(12):
        path = root / ("even" if index % 2 == 0 else "odd") / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), index, np.uint8)).save(path)
    return root


@pytest.fixture
def images(pictures):
    paths = sorted(pictures.rglob("*.png"))
    return ImageFiles(paths, [path.parent.name == "odd" for path in paths])


def sources(*splits, **section):
    request = DataRequest(splits=frozenset(splits or SPLITS), seed=5, quantization_seed=6)
    return SplitSources(FolderSection(**section), request, ["first"])


@pytest.mark.parametrize(("share", "held_back", "texts"), [(None, 4, ("80", "20")), (0.25, 5, ("75", "25"))])
def test_every_class_gives_its_share_to_validation(share, held_back, texts):
    found = sources(validation_split=share)
    found.texts["train"] = "all of them"
    labels = [0] * 10 + [1] * 10
    kept, held = found.hold_back(labels)
    assert sorted(kept + held) == list(range(20))
    assert len(held) == held_back
    assert abs(2 * sum(labels[index] for index in held) - held_back) <= 1
    assert found.texts == {"train": f"{texts[0]} % of all of them", "validation": f"{texts[1]} % of all of them"}


def test_a_share_beside_validation_images_is_noted():
    for share, notes in ((None, ["first"]), (0.1, ["first", "dataset.validation_split has no effect beside PLACE."])):
        found = sources(validation_split=share)
        found.note_idle_share("PLACE")
        assert found.notes == notes


def test_validation_images_stand_in_for_a_test_set(images):
    found = sources()
    found.texts["validation"] = "somewhere"
    assert found.stand_in(images) is images
    assert found.texts["test"] == "the validation set: somewhere"
    assert found.notes == ["first", "No test set is given; the validation set stands in for it."]
    assert sources().stand_in(None) is None


def test_training_images_calibrate_when_no_others_are_given(images):
    found = sources()
    assert found.quantization(images) is images
    assert found.texts == {"quantization": "the training set"}
    found = sources(quantization_split=0.5)
    half = found.quantization(images)
    assert sorted(half.targets) == [False] * 3 + [True] * 3
    assert found.texts == {"quantization": "50 % of the training set"}
    assert sources().quantization(None) is None
    unwanted = sources("train")
    assert unwanted.quantization(images) is None
    assert unwanted.texts == {}


def test_images_given_for_calibration_come_first(images, pictures):
    found = sources(quantization_path=pictures / "odd", quantization_split=0.5)
    chosen = found.quantization(images)
    assert len(chosen) == 3
    assert all("odd" in chosen.name(index) for index in range(3))
    assert found.texts == {"quantization": "50 % of dataset.quantization_path"}


def test_images_given_for_prediction_come_first(images, pictures):
    found = sources(prediction_path=pictures / "even")
    assert len(found.prediction(images)) == 6
    assert found.texts == {"prediction": "dataset.prediction_path"}
    found = sources()
    assert found.prediction(images) is images
    assert found.texts == {"prediction": "the test set"}
    assert sources().prediction() is None
    unwanted = sources("test", prediction_path=pictures)
    assert unwanted.prediction(images) is None
    assert unwanted.texts == {}


@pytest.mark.parametrize("split", ["quantization", "prediction"])
def test_a_folder_without_images_is_refused(split, tmp_path):
    (tmp_path / "empty").mkdir()
    found = sources(**{f"{split}_path": tmp_path / "empty"})
    with pytest.raises(DataError, match=rf"dataset\.{split}_path: .*empty holds no images"):
        getattr(found, split)(None)
