"""What is wrong with images is found by their pixels, and told apart from what is only worth knowing."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from zoo_core.data.inspection.findings import find_all
from zoo_core.data.inspection.survey import look, survey_split
from zoo_core.protocols import Sample

CLASSES = ("cat", "dog", "owl")


def draw(seed, size=(6, 5), mode="RGB"):
    shape = (size[1], size[0], len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8).squeeze())


@pytest.fixture
def survey(pictures, progress):
    def run(split, images, targets, names=CLASSES):
        return survey_split(split, pictures(images, targets, f"{split}/"), names, progress=progress)

    return run


def kinds(*surveys):
    return {finding.kind: finding for finding in find_all(surveys)}


def balanced(seed, count=6):
    return [draw(seed + index) for index in range(count)], [index % 3 for index in range(count)]


def test_sound_images_have_no_findings(survey):
    assert (
        find_all([survey("train", *balanced(0)), survey("validation", *balanced(10)), survey("test", *balanced(20))])
        == ()
    )


def test_counts_sizes_and_colours(survey):
    images = [draw(0), draw(1, (8, 9)), draw(2, mode="L"), draw(3), None]
    found = survey("train", images, [0, 0, 2, 2, 1])
    assert found.images == 5
    assert found.classes == {"cat": 2, "dog": 1, "owl": 2}
    assert found.sizes == {(6, 5): 3, (8, 9): 1}
    assert found.modes == {"RGB": 3, "L": 1}
    assert [file.path for file in found.unreadable] == ["train/4"]


def test_unreadable_images_are_a_problem(survey):
    images, targets = balanced(0)
    images[4] = None
    finding = kinds(survey("test", images, targets))["unreadable"]
    assert finding.problem
    assert finding.text == "test: 1 of 6 images cannot be read"
    assert finding.items == ("test/4: the file is empty",)


def test_image_in_two_splits_is_a_problem(survey):
    train, validation, test = balanced(0), balanced(10), balanced(20)
    test[0][3] = train[0][0]
    validation[0][0] = train[0][3]
    finding = kinds(survey("train", *train), survey("validation", *validation), survey("test", *test))
    assert set(finding) == {"shared"}
    assert finding["shared"].problem
    assert set(finding["shared"].items) == {"train train/0 = test test/3", "train train/3 = validation validation/0"}


def test_equal_images_have_their_names_behind_unreadable_ones_too(survey):
    images, targets = balanced(0)
    images[0], images[5] = None, images[4]
    found = kinds(survey("train", images, targets))
    assert found["contradiction"].items == ("train train/4 (dog) = train train/5 (owl)",)


def test_image_with_two_classes_is_a_problem(survey):
    images, targets = balanced(0)
    images[1] = images[0]
    found = kinds(survey("train", images, targets))
    assert found["contradiction"].problem
    assert found["contradiction"].items == ("train train/0 (cat) = train train/1 (dog)",)
    assert "repeated" not in found


def test_image_twice_in_one_class_is_worth_knowing(survey):
    images, targets = balanced(0)
    images[3] = images[0]
    found = kinds(survey("train", images, targets))
    assert set(found) == {"repeated"}
    assert not found["repeated"].problem


def test_equal_images_are_found_among_many_by_pixels_not_by_files(survey, tmp_path):
    images = [draw(index) for index in range(500)]
    note = PngImagePlugin.PngInfo()
    note.add_text("comment", "another file")
    images[123].save(tmp_path / "copy.png", pnginfo=note, compress_level=1)
    with Image.open(tmp_path / "copy.png") as copy:
        copy.load()
        other = survey("test", [draw(1000), copy, draw(1001)], [0, 0, 2])
    found = kinds(survey("train", images, [index % 3 for index in range(500)]), other)
    assert found["shared"].items == ("train train/123 = test test/1",)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Image.new("RGB", (4, 2)), Image.new("RGB", (2, 4))),
        (Image.new("L", (4, 2)), Image.new("RGB", (4, 2))),
        (Image.new("L", (4, 2), 1), Image.new("L", (4, 2), 2)),
    ],
)
def test_size_colours_and_pixels_tell_images_apart(one, two):
    assert look(Sample(one, 0, "a")).digest != look(Sample(two, 0, "b")).digest
    assert look(Sample(one, 0, "a")) == look(Sample(one.copy(), 1, "b"))


def test_palettes_tell_images_apart():
    one = Image.new("P", (2, 2), 1)
    two = one.copy()
    one.putpalette([0, 0, 0, 255, 0, 0])
    two.putpalette([0, 0, 0, 0, 255, 0])
    assert look(Sample(one, 0, "a")).digest != look(Sample(two, 0, "b")).digest


def test_calibration_and_prediction_may_share_images(survey):
    images, targets = balanced(0)
    assert find_all([survey("train", images, targets), survey("quantization", images, targets)]) == ()
    assert find_all([survey("test", images, targets), survey("prediction", images, [None] * 6)]) == ()


def test_training_class_without_images_is_a_problem_and_elsewhere_a_remark(survey):
    images = [draw(index) for index in range(4)]
    assert kinds(survey("train", images, [0, 0, 1, 1]))["empty_class"].problem
    finding = kinds(survey("test", images, [0, 0, 1, 1]))["empty_class"]
    assert (finding.problem, finding.text) == (False, "test: 1 of 3 classes have no images")
    assert finding.items == ("owl",)


def test_imbalance_is_worth_knowing_from_five_to_one_on(survey):
    images = [draw(index) for index in range(12)]
    assert find_all([survey("train", images[:8], [0] * 4 + [1] + [2] * 3)]) == ()
    finding = kinds(survey("train", images[:10], [0] * 5 + [1] + [2] * 4))["imbalance"]
    assert not finding.problem
    assert finding.text == "train: cat has 5 times as many images as dog"
    assert finding.items == ("dog: 1", "owl: 4", "cat: 5")


def test_problems_come_first(survey):
    images = [draw(index) for index in range(9)]
    images[8] = None
    found = find_all([survey("train", images, [0] * 6 + [1, 2, 2])])
    assert [finding.kind for finding in found] == ["unreadable", "imbalance"]


def test_labels_that_are_no_classes_are_not_counted(survey):
    images = [draw(index) for index in range(3)]
    for targets in ([[0, 1], [2], []], [None] * 3, [0, 1, 7]):
        found = survey("train", images, targets)
        assert found.classes is None
        assert find_all([found]) == ()


def test_no_images_at_all_are_no_findings(survey):
    assert find_all([]) == ()
    assert find_all([survey("train", [], [])]) == ()
