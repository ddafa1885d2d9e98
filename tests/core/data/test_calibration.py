from __future__ import annotations

import numpy as np
import pytest
from tiny_task import PlainTask, TinyImages

from zoo_core.artifacts import InputSpec
from zoo_core.data.calibration import DatasetCalibration, RandomCalibration
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError


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
