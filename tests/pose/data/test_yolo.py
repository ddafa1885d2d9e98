"""Text files beside images are read as ST writes them, and every bad line is named."""

import numpy as np
import pytest

from zoo_core.errors import DataError

BOX = (0, 0.5, 0.5, 0.5, 0.25)


def line(keypoints, *, box=BOX, flag=1, place=(0.25, 0.75)):
    return [*box, *([*place, flag] * keypoints)]


@pytest.mark.parametrize(("keypoints", "numbers"), [(13, 44), (17, 56), (21, 68), (2, 11)])
def test_number_of_keypoints_follows_from_the_lines(folder, keypoints, numbers):
    assert len(line(keypoints)) == numbers
    folder.pose("a/1", line(keypoints))
    found = folder.read("validation", validation_path="a")
    assert len(found.class_names) == keypoints
    labels = found.validation.targets[0]
    np.testing.assert_allclose(labels.points, np.broadcast_to([16.0, 36.0], (1, keypoints, 2)))
    np.testing.assert_allclose(labels.boxes, [[16, 18, 48, 30]])
    np.testing.assert_allclose(labels.areas, 0.53 * 32 * 12)
    assert labels.visible.tolist() == [[1] * keypoints]
    assert labels.size == (64, 48)


def test_several_poses_flags_and_unlabelled_points(folder):
    folder.pose("a/1", [*BOX, 0.5, 0.5, 2, 0.9, 0.9, 0], [*BOX, 0.1, 0.1, 1, 7, 7, 0])
    labels = folder.read("validation", validation_path="a").validation.targets[0]
    assert labels.visible.tolist() == [[2, 0], [1, 0]]
    np.testing.assert_allclose(labels.points, [[[32, 24], [0, 0]], [[6.4, 4.8], [0, 0]]])
    assert not labels.crowd.any()


def test_empty_file_is_an_image_without_a_pose(folder):
    folder.pose("a/1", line(3))
    folder.pose("a/2")
    found = folder.read("validation", validation_path="a").validation
    assert [len(labels) for labels in found.targets] == [1, 0]
    assert found.targets[1].points.shape == (0, 3, 2)


def test_only_empty_files_need_the_number_of_keypoints(folder):
    folder.pose("a/1")
    with pytest.raises(DataError, match=r"(?s)no poses that show.*Set dataset\.keypoints"):
        folder.read("validation", validation_path="a", format="yolo")
    found = folder.read("validation", validation_path="a", format="yolo", keypoints=17)
    assert found.validation.targets[0].points.shape == (0, 17, 2)


def test_missing_text_file_is_a_problem(folder):
    folder.pose("a/1", line(3))
    folder.image("a/2.png")
    with pytest.raises(DataError, match=r"(?s)1 of 2 images have no text file.*2\.txt.*An empty text file"):
        folder.read("validation", validation_path="a")


def test_text_file_without_image_is_noted(folder):
    folder.pose("a/1", line(3))
    folder.text("a/lost.txt", "")
    folder.text("a/classes.txt", "person\n")
    (note,) = folder.read("validation", validation_path="a").notes
    assert note == "dataset.validation_path: 1 text files have no image: lost.txt."


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (line(3)[:-1], "13 numbers, expected 14 for 3 keypoints"),
        ([*line(3), 0], "15 numbers, expected 14"),
        (["0", "x", *line(3)[2:]], "'x' is no number"),
        ([1.5, *line(3)[1:]], "class 1.5"),
        ([0, 1.2, *line(3)[2:]], "cx is 1.2, expected a share"),
        (line(3, place=(0.5, 36)), "y of keypoint 0 is 36"),
        ([*line(3)[:-1], 3], "v of keypoint 2 is 3"),
        ([*line(3)[:-2], "nan", 1], "not all numbers are finite"),
    ],
)
def test_bad_lines_are_named(folder, numbers, words):
    for number in range(3):
        folder.pose(f"a/{number}", line(3))
    folder.pose("a/bad", line(3), numbers)
    with pytest.raises(DataError) as caught:
        folder.read("validation", validation_path="a")
    assert f"bad.txt:2: {words}" in str(caught.value)
    assert "1 lines cannot be read" in str(caught.value)


def test_all_problems_of_all_splits_come_at_once_and_not_too_many(folder):
    folder.pose("a/good", *[line(3)] * 30)
    folder.pose("a/bad", *[line(2)] * 14)
    folder.image("a/alone.png")
    folder.pose("b/bad", line(3, flag=5))
    with pytest.raises(DataError) as caught:
        folder.read("train", "validation", training_path="a", validation_path="b")
    text = str(caught.value)
    assert "14 lines cannot be read" in text
    assert text.count("11 numbers, expected 14") == 10
    assert "... and 4 more" in text
    assert "alone.txt" in text
    assert "v of keypoint 0 is 5" in text


def test_stated_number_against_the_files(folder):
    folder.pose("a/1", line(17))
    with pytest.raises(DataError, match=r"(?s)56 numbers, expected 44.*dataset\.keypoints is 13; lines of 56 numbers"):
        folder.read("validation", validation_path="a", keypoints=13)


def test_labels_folder_beside_images_is_found(folder):
    folder.image("set/images/train/1.png")
    folder.text("set/labels/train/1.txt", " ".join(map(str, line(3))))
    assert len(folder.read("validation", validation_path="set/images/train").validation.targets[0]) == 1


def test_damaged_image_does_not_stop_the_reading(folder):
    folder.pose("a/1", line(3))
    folder.text("a/2.jpg", "no image")
    folder.text("a/2.txt", " ".join(map(str, line(3))))
    assert len(folder.read("validation", validation_path="a").validation) == 2
    with pytest.raises(DataError, match=r"1 of 2 image files cannot be read"):
        folder.read("validation", validation_path="a", check=True)


def test_turned_images_are_read_upright(folder):
    exif = __import__("PIL.Image").Image.Exif()
    exif[0x0112] = 6
    folder.image("a/1.jpg", (64, 48), exif=exif)
    folder.text("a/1.txt", " ".join(map(str, line(1))))
    found = folder.read("validation", validation_path="a").validation
    assert found.targets[0].size == found[0].image.size == (48, 64)
    np.testing.assert_allclose(found.targets[0].points, [[[12, 48]]])
