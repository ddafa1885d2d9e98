"""Tables of DeepLabCut and Lightning Pose give a pose for each frame, with the numbers that stand in the file."""

import numpy as np
import pytest

from zoo_core.errors import DataError

HEADER = "scorer,me,me,me,me\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"


@pytest.fixture
def mice(folder):
    for number in (1, 2, 3):
        folder.image(f"project/labeled-data/v/img{number}.png")
    rows = [
        "labeled-data/v/img1.png,10,12,30,22",
        "labeled-data/v/img2.png,,,5.5,6.5",
        "labeled-data/v/img3.png,,nan,,",
    ]
    folder.text("project/data.csv", HEADER + "\n".join(rows) + "\n")
    return folder


def test_rows_are_poses_of_their_images(mice):
    found = mice.read("validation", validation_path="project/data.csv")
    assert found.class_names == ("nose", "tail")
    first, second, third = found.validation.targets
    np.testing.assert_array_equal(first.points, [[[10, 12], [30, 22]]])
    assert first.visible.tolist() == [[1, 1]]
    np.testing.assert_allclose(first.boxes, [[9, 11.5, 31, 22.5]])
    np.testing.assert_allclose(first.areas, [0.53 * 22 * 11])
    assert second.visible.tolist() == [[0, 1]]
    np.testing.assert_allclose(second.boxes, [[5, 6, 6, 7]])
    assert len(third) == 0
    assert found.validation[0].image.size == (64, 48)


def test_numbers_are_those_that_numpy_reads(folder):
    noise = np.random.default_rng(0)
    values = noise.random((5, 6)) * 40
    values[noise.random((5, 3)).repeat(2, axis=1) < 0.3] = np.nan
    header = "scorer,m,m,m,m,m,m\nbodyparts,a,a,b,b,c,c\ncoords,x,y,x,y,x,y\n"
    lines = []
    for number, row in enumerate(values.tolist()):
        folder.image(f"f/{number}.png")
        lines.append(",".join([f"{number}.png", *("" if np.isnan(value) else repr(value) for value in row)]))
    path = folder.text("f/all.csv", header + "\n".join(lines))
    table = folder.read("validation", validation_path="f").validation.table
    reference = np.genfromtxt(path, delimiter=",", skip_header=3, usecols=range(1, 7)).reshape(5, 3, 2)
    rows = ~np.isnan(reference).all(axis=(1, 2))
    assert table.images.tolist() == np.flatnonzero(rows).tolist()
    np.testing.assert_array_equal(table.labelled, ~np.isnan(reference[rows, :, 0]))
    np.testing.assert_array_equal(table.points, np.nan_to_num(reference[rows]))


def test_images_are_found_by_the_longest_end_of_their_path(folder):
    for place, width in (("a/v/1.png", 20), ("a/1.png", 30), ("b/w/1.png", 40)):
        folder.image(place, (width, 10))
    rows = "labeled-data/v/1.png,1,1,2,2\nlabeled-data\\w\\1.png,1,1,2,2\n"
    folder.text("b/t.csv", HEADER + rows)
    found = folder.read("validation", val_images_path="a", val_annotations_path="b/t.csv").validation
    assert [labels.width for labels in found.targets] == [20, 40]


def test_paths_in_several_columns_and_likelihoods(folder):
    folder.image("d/v/1.png")
    header = "scorer,,,me,me,me\nbodyparts,,,nose,nose,nose\ncoords,,,x,y,likelihood\n"
    folder.text("d/t.csv", header + "d,v,1.png,3,4,0.9\n")
    found = folder.read("validation", val_annotations_path="d/t.csv")
    np.testing.assert_array_equal(found.validation.targets[0].points, [[[3, 4]]])


def test_every_individual_is_a_pose(folder):
    folder.image("d/1.png")
    header = "scorer,me,me,me,me\nindividuals,one,one,two,two\nbodyparts,nose,nose,nose,nose\ncoords,x,y,x,y\n"
    folder.image("d/2.png")
    folder.text("d/t.csv", header + "1.png,3,4,7,8\n2.png,,,7,8\n")
    found = folder.read("validation", validation_path="d/t.csv").validation
    assert [labels.points.tolist() for labels in found.targets] == [[[[3, 4]], [[7, 8]]], [[[7, 8]]]]


def test_boxes_stay_inside_the_image(folder):
    folder.image("d/1.png")
    folder.text("d/t.csv", HEADER + "1.png,0,0,64,48\n")
    labels = folder.read("validation", validation_path="d/t.csv").validation.targets[0]
    np.testing.assert_array_equal(labels.boxes, [[0, 0, 64, 48]])


def test_every_fault_is_named_with_its_line(folder):
    for number in range(5):
        folder.image(f"d/{number}.png")
    rows = ["0.png,1,,2,2", "1.png,1,x,2,2", "2.png,1,inf,2,2", "0.png,1,1,1,1", "gone.png,1,1,2,2", "3.png,1,1,2,2"]
    folder.text("d/t.csv", HEADER + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as caught:
        folder.read("validation", validation_path="d/t.csv")
    text = str(caught.value)
    for part in (
        "t.csv:4: nose has x or y, not both",
        "t.csv:5: nose: 1, x are no numbers",
        "t.csv:6: nose: 1, inf are not finite",
        "t.csv:7: 0.png stands on line 4 too",
        "t.csv:8: gone.png",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds nothing"),
        ("image,x,y\n1.png,1,1\n", "holds image, 1.png"),
        ("scorer,a\nbodyparts,n\ncoords,x\n", "x or y is missing of n"),
        ("scorer,a\nbodyparts,n\ncoords,z\n", "no column is called x or y"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,x\n", "n has two columns x"),
    ],
)
def test_other_tables_are_refused(folder, text, words):
    folder.text("d/t.csv", text)
    with pytest.raises(DataError, match=words):
        folder.read("validation", validation_path="d/t.csv")
