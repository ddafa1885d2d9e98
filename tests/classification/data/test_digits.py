"""The scans of scikit-learn as a data set."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from zoo_classification.config import DigitsSection
from zoo_classification.data import digits
from zoo_classification.data.digits import build
from zoo_core.errors import DataError
from zoo_core.protocols import SPLITS, DataRequest, ImageDataset


def ask(seed=123, **keys):
    return build(DigitsSection(**keys), DataRequest(splits=frozenset(SPLITS), seed=seed))


def names(dataset):
    return [dataset.name(index) for index in range(len(dataset))]


def test_every_scan_is_in_exactly_one_split():
    data = ask()
    together = [*names(data.train), *names(data.validation), *names(data.test)]
    assert len(together) == len(set(together)) == 1797


def test_test_scans_do_not_depend_on_the_seed_but_validation_does():
    one, two = ask(seed=1), ask(seed=2)
    assert names(one.test) == names(two.test)
    assert names(one.validation) != names(two.validation)
    assert names(one.validation) == names(ask(seed=1).validation)


def test_splits_hold_every_digit_in_proportion():
    data = ask()
    for split in (data.train, data.validation, data.test):
        shares = np.bincount(split.targets, minlength=10) / len(split)
        assert shares.min() > 0.08
        assert shares.max() < 0.12


def test_pixels_are_the_scans_in_8_bit():
    found = load_digits()
    test = ask().test
    for index in (0, 17, 200):
        sample = test[index]
        number = int(sample.path.split("/")[1])
        assert sample.target == found.target[number]
        np.testing.assert_allclose(np.asarray(sample.image) / 255 * 16, found.images[number], atol=0.04)
    assert isinstance(test, ImageDataset)
    assert test.in_memory


def test_scans_are_the_same_where_scikit_learn_keeps_them_elsewhere(monkeypatch):
    here = digits.read_scans()
    monkeypatch.setattr(digits, "TABLE", "sklearn/nowhere.csv.gz")
    for one, other in zip(here, digits.read_scans(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_shares_are_the_users():
    data = ask(validation_split=0.1, quantization_split=0.5)
    assert (len(data.validation), len(data.train), len(data.quantization)) == (144, 1293 + 1, 647)


def test_prediction_takes_test_scans_or_the_users_images(tmp_path):
    assert names(ask().prediction) == names(ask().test)
    with pytest.raises(DataError, match="holds no images"):
        ask(prediction_path=tmp_path)


def test_other_number_of_classes_is_refused():
    with pytest.raises(DataError, match="10 classes, dataset states 2"):
        ask(class_names=("even", "odd"))
    with pytest.raises(DataError, match="dataset states 5"):
        ask(num_classes=5)


def test_classes_in_the_order_of_the_user(tmp_path):
    backwards = tuple("9876543210")
    listed = tmp_path / "labels.txt"
    listed.write_text("\n".join(backwards))
    own = ask().test
    for data in (ask(class_names=backwards), ask(classes_file_path=listed)):
        assert data.class_names == backwards
        assert names(data.test) == names(own)
        assert [9 - target for target in data.test.targets] == list(own.targets)
        assert data.test[5].target == data.test.targets[5]


def test_classes_may_have_other_names():
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    data = ask(class_names=words)
    assert data.class_names == words
    assert list(data.test.targets) == list(ask().test.targets)
