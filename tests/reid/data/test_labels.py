"""What is said about persons and cameras agrees with counts by hand."""

import pytest

from zoo_core.data.inspection.labels import LabelInspection


@pytest.fixture
def kinds(folder):
    """Return a function that gives the findings of a split by kind."""

    def run(split, **keys):
        dataset = folder.read(split, **keys).get(split)
        assert isinstance(dataset, LabelInspection)
        found = dataset.label_findings(split)
        assert all(finding.text.startswith(f"{split}: ") and not finding.problem for finding in found)
        return {finding.kind: finding.items for finding in found}

    return run


def test_pairs_and_cameras_of_a_set_searched_among_itself(folder, kinds):
    names = ("a_c1_1.png", "a_c2_2.png", "b_c1_1.png", "c_c2_1.png", "c_c2_2.png", "d_c1_1.png", "d_c7_2.png")
    folder.pictures(*(f"set/{name}" for name in names))
    assert kinds("validation", validation_path="set") == {
        "single_picture": ("b",),
        "one_camera": ("c: camera 2",),
        "rare_camera": ("camera 7",),
    }


def test_queries_that_the_gallery_or_its_cameras_cannot_answer(folder, kinds):
    folder.pictures("q/a_c1_1.png", "q/b_c1_1.png", "q/c_c1_1.png")
    folder.pictures("g/a_c1_2.png", "g/b_c1_2.png", "g/b_c2_3.png", "g/e_c2_1.png")
    found = kinds("test", test_query_path="q", test_gallery_path="g")
    assert found.keys() == {"not_in_gallery", "one_camera", "not_searched"}
    assert found["not_in_gallery"][0].endswith("c_c1_1.png: c")
    assert found["one_camera"][0].endswith("a_c1_1.png: a, camera 1")
    assert found["not_searched"] == ("e",)


def test_without_cameras_nothing_is_said_about_them(folder, kinds):
    folder.pictures("set/a_1.png", "set/a_2.png", "set/b_1.png", "set/b_2.png")
    assert kinds("validation", validation_path="set") == {}


def test_counts_and_statistics(folder):
    folder.pictures("set/b_c1_1.png", "set/b_c1_2.png", "set/b_c2_3.png", "set/a_c3_1.png", "set/c_c1_1.png")
    dataset = folder.read("validation", validation_path="set").validation
    assert list(dataset.label_counts().items()) == [("a", 1), ("b", 3), ("c", 1)]
    statistics = dataset.label_statistics()
    assert statistics.document == {
        "pictures": 5,
        "persons": 3,
        "cameras": 3,
        "roles": {"both": 5},
        "pictures_per_person": {"smallest": 1, "median": 1, "largest": 3},
        "persons_with_one_picture": 2,
        "cameras_per_person": {"smallest": 1, "median": 1, "largest": 2},
        "pictures_per_camera": {"1": 3, "2": 1, "3": 1},
    }
    assert statistics.lines[0] == "5 pictures of 3 persons by 3 cameras"
    assert "1: 3, 2: 1, 3: 1" in statistics.lines[-1]
