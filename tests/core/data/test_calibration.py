from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_task import PlainTask, TinyImages

from zoo_core.artifacts import InputSpec
from zoo_core.data.calibration import (
    DatasetCalibration,
    RandomCalibration,
    calibration_warnings,
    write_image_list,
)
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError, RunStoreError


def test_images_come_preprocessed_one_by_one_as_often_as_wanted() -> None:
    images, preprocessing = TinyImages(5), PlainTask().preprocessing
    calibration = DatasetCalibration(images, preprocessing)
    for _ in range(2):
        arrays = list(calibration)
        assert [array.shape for array in arrays] == [(1, 1, 8, 8)] * 5
        for index, array in enumerate(arrays):
            assert np.array_equal(array[0], preprocessing(images[index].image).numpy())
    assert (calibration.source, len(calibration)) == ("quantization", 5)


def test_unreadable_images_are_left_out_and_named_once() -> None:
    calibration = DatasetCalibration(TinyImages(5, broken=[1]), PlainTask().preprocessing, source="train")
    assert [len(list(calibration)) for _ in range(2)] == [4, 4]
    assert [skip.path for skip in calibration.skipped] == ["image1.png"]
    assert (calibration.source, len(calibration)) == ("train", 4)


def test_no_readable_image_is_an_error() -> None:
    with pytest.raises(DataError, match="None of the 3 calibration images"):
        list(DatasetCalibration(TinyImages(3, broken=range(3)), PlainTask().preprocessing))


def test_noise_fills_the_range_of_each_channel_and_comes_again() -> None:
    preprocessing = ImagePreprocessing(input=InputSpec(3, 20, 20), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    calibration = RandomCalibration(preprocessing, 6, seed=1)
    arrays = np.concatenate(list(calibration))
    assert (arrays.shape, arrays.dtype.name) == ((6, 3, 20, 20), "float32")
    for channel, (low, high) in enumerate(preprocessing.value_range()):
        assert low <= arrays[:, channel].min() < low + 0.02 * (high - low)
        assert high >= arrays[:, channel].max() > high - 0.02 * (high - low)
    assert np.array_equal(arrays, np.concatenate(list(calibration)))
    assert not np.array_equal(arrays, np.concatenate(list(RandomCalibration(preprocessing, 6, seed=2))))
    assert (calibration.source, len(calibration)) == ("random", 6)


def test_names_are_known_without_reading() -> None:
    calibration = DatasetCalibration(TinyImages(3, broken=range(3)), PlainTask().preprocessing)
    assert calibration.names == ("image0.png", "image1.png", "image2.png")
    assert RandomCalibration(PlainTask().preprocessing, 6, seed=1).names == ()


def stream(count: int, source: str = "train") -> DatasetCalibration:
    return DatasetCalibration(TinyImages(count), PlainTask().preprocessing, source=source)


@pytest.mark.parametrize(
    ("count", "wanted"),
    [(1, "Calibrated with 1 image only; 100 or more"), (99, "Calibrated with 99 images only"), (100, None)],
)
def test_few_images_are_warned_of(count: int, wanted: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="zoo"):
        found = calibration_warnings(stream(count))
    assert list(found) == [record.getMessage() for record in caplog.records]
    assert len(found) == (wanted is not None)
    if wanted:
        assert found[0].startswith(wanted)


@pytest.mark.parametrize(
    ("targets", "wanted"),
    [
        ([0, 1, 2] * 40, None),
        (np.array([0, 2] * 60), "1 of 3 classes have no calibration image: b."),
        ([1] * 120, "2 of 3 classes have no calibration image: a, c."),
        ([[0.1, 0.2]] * 120, None),
        ([{"boxes": []}] * 120, None),
        ([], None),
    ],
)
def test_missing_classes_are_named(targets: Any, wanted: str | None) -> None:
    found = calibration_warnings(stream(120), targets, ["a", "b", "c"])
    assert len(found) == (wanted is not None)
    if wanted:
        assert found[0].startswith(wanted)


def test_no_more_than_five_missing_classes_are_named() -> None:
    names = [f"class{index}" for index in range(9)]
    (found,) = calibration_warnings(stream(120), [4] * 120, names)
    assert "8 of 9 classes" in found
    assert "class0, class1, class2, class3, class5 and 3 more" in found


def test_random_inputs_are_warned_of_and_nothing_else() -> None:
    (found,) = calibration_warnings(RandomCalibration(PlainTask().preprocessing, 10, seed=1), [], ["a", "b"])
    assert "10 random inputs" in found
    assert "Set dataset.quantization_path" in found


class Files(TinyImages):
    """Images that are files of a folder."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        super().__init__(len(names))
        self.paths = [folder / name for name in names]

    def name(self, index: int) -> str:
        return str(self.paths[index])


def write_files(folder: Path, sizes: dict[str, int]) -> DatasetCalibration:
    for name, size in sizes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    return DatasetCalibration(Files(folder, list(sizes)), PlainTask().preprocessing)


SIZES = {"cat/1.png": 10, "cat/2.png": 20, "dog/1.png": 30}


def test_image_list_has_one_name_a_line(tmp_path: Path) -> None:
    calibration = write_files(tmp_path / "data", SIZES)
    write_image_list(calibration, tmp_path / "reports" / "images.txt")
    lines = (tmp_path / "reports" / "images.txt").read_text().splitlines()
    assert lines == [str(tmp_path / "data" / name) for name in SIZES]
    assert [file.name for file in (tmp_path / "reports").iterdir()] == ["images.txt"]


def test_hash_of_the_image_list_depends_on_names_sizes_and_order_but_not_on_the_folder(tmp_path: Path) -> None:
    def hashed(folder: str, sizes: dict[str, int]) -> str:
        return write_image_list(write_files(tmp_path / folder, sizes), tmp_path / "images.txt")

    first = hashed("one", SIZES)
    assert len(first) == 64
    assert hashed("elsewhere/deep", SIZES) == first
    others = [
        hashed("two", {**SIZES, "dog/1.png": 31}),
        hashed("three", dict(reversed(SIZES.items()))),
        hashed("four", {"cat/1.png": 10, "cat/2.png": 20, "dog/3.png": 30}),
        hashed("five", {"cat/1.png": 10}),
    ]
    assert len({first, *others}) == 5


def test_names_that_are_no_files_or_no_unicode_are_listed_too(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a\xff.png")
    for names in (["digits/0001", "digits/0002"], [odd], ["two\nlines.png", "b.png"]):
        calibration = DatasetCalibration(Files(Path(), names), PlainTask().preprocessing)
        assert len(write_image_list(calibration, tmp_path / "images.txt")) == 64
        assert (tmp_path / "images.txt").read_bytes().count(b"\n") == len(names)


def test_random_inputs_leave_no_list(tmp_path: Path) -> None:
    calibration = RandomCalibration(PlainTask().preprocessing, 10, seed=1)
    assert write_image_list(calibration, tmp_path / "images.txt") == ""
    assert not list(tmp_path.iterdir())


def test_a_disk_that_refuses_the_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match=r"images\.txt"):
        write_image_list(stream(2), tmp_path / "file" / "images.txt")
