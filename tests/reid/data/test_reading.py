"""Sets are read in every form; what is wrong with them is told together, with the form that would fit."""

import pytest

from zoo_core.errors import DataError

FLAT = ("a_1.jpg", "a_2.png", "b_1.bmp", "b_2.gif", "c_1.jpeg", "c_2.JPG")


def labels(dataset):
    return [(label.identity, label.camera) for label in dataset.targets]


def test_flat_pictures_are_sorted_by_name_and_hidden_files_left_out(folder):
    folder.pictures(*(f"set/{name}" for name in FLAT), "set/.d_1.jpg", "set/.hidden/e_1.jpg")
    folder.text("set/notes_1.txt", "no picture")
    found = folder.read("validation", validation_path="set").validation
    assert labels(found) == [(name, -1) for name in "aabbcc"]
    assert [found.name(index).rpartition("/")[2] for index in range(len(found))] == sorted(FLAT)
    assert found[0].image.size == (8, 16)
    assert found[0].target is found.targets[0]


def test_cameras_count_only_when_every_name_has_one(folder):
    folder.pictures("all/1_c1_1.jpg", "all/1_c2_2.jpg", "some/1_c1_1.jpg", "some/1_2.jpg")
    assert labels(folder.read("validation", validation_path="all").validation) == [("1", 1), ("1", 2)]
    assert labels(folder.read("validation", validation_path="some").validation) == [("1", -1), ("1", -1)]


def test_cameras_of_queries_do_not_count_without_those_of_the_gallery(folder):
    folder.pictures("query/1_c1_1.jpg", "gallery/1_c2_1.jpg", "bare/1_1.jpg")
    both = folder.read("test", test_query_path="query", test_gallery_path="gallery").test
    assert labels(both) == [("1", 1), ("1", 2)]
    one = folder.read("test", test_query_path="query", test_gallery_path="bare").test
    assert labels(one) == [("1", -1), ("1", -1)]


def test_folders_of_persons_are_recognised(folder):
    folder.pictures("orl/s1/1.pgm", "orl/s1/2.pgm", "orl/s10/1.pgm", "orl/s10/old/2.pgm", "orl/s2/1.pgm")
    assert labels(folder.read("validation", validation_path="orl").validation) == [
        ("s1", -1),
        ("s1", -1),
        ("s10", -1),
        ("s10", -1),
        ("s2", -1),
    ]


def test_sub_folders_of_flat_sets_are_refused_with_the_form_that_fits(folder):
    folder.pictures("set/1_1.jpg", "set/1_2.jpg", "set/s1/1_3.jpg")
    with pytest.raises(DataError, match=r"sub-folders with pictures.*: s1") as caught:
        folder.read("validation", validation_path="set")
    assert "folders" in caught.value.hint
    with pytest.raises(DataError, match=r"2 of 3 pictures of .* lie outside the folders") as caught:
        folder.read("validation", validation_path="set", format="folders")
    assert "flat" in caught.value.hint


def test_names_that_tell_nobody_are_counted_and_the_first_five_listed(folder):
    folder.pictures("set/1_1.jpg", *(f"set/x{number}.jpg" for number in range(7)))
    with pytest.raises(DataError) as caught:
        folder.read("validation", validation_path="set")
    assert "7 of 8 names" in caught.value.message
    assert "x0.jpg, x1.jpg, x2.jpg, x3.jpg, x4.jpg, ... (7 in all)" in caught.value.message


def test_everything_is_told_together(folder):
    folder.pictures("train/x.jpg", "query/deep/1_1.jpg")
    (folder.root / "gallery").mkdir()
    with pytest.raises(DataError) as caught:
        folder.read(
            "train",
            "test",
            format="flat",
            training_path="train",
            test_query_path="query",
            test_gallery_path="gallery",
        )
    for key in ("training_path", "test_query_path", "test_gallery_path"):
        assert f"dataset.{key}: " in caught.value.message


def test_market_leaves_junk_out_and_keeps_distractors_in_the_gallery(folder):
    names = ("-1_c1s1_000001_00.jpg", "0000_c1s1_000002_00.jpg", "0005_c3s1_000003_00.jpg", "0005_c4s1_000004_00.jpg")
    folder.pictures(*(f"{part}/{name}" for part in ("gallery", "other") for name in names), "q/0005_c1s1_000009_00.jpg")
    found = folder.read("test", format="market1501", test_query_path="q", test_gallery_path="gallery")
    assert labels(found.test) == [("0005", 1), ("0000", 1), ("0005", 3), ("0005", 4)]
    assert any("1 pictures of the junk person" in note for note in found.notes)
    found = folder.read("validation", format="market1501", validation_path="other")
    assert labels(found.validation) == [("0005", 3), ("0005", 4)]


def test_duke_names_tell_cameras(folder):
    folder.pictures("set/0001_c2_f0046182.jpg", "set/0001_c5_f0046302.jpg")
    found = folder.read("validation", dataset_name="DukeMTMC-reID", validation_path="set")
    assert labels(found.validation) == [("0001", 2), ("0001", 5)]


@pytest.mark.parametrize("parts", [("train", "test"), ("mask_train_v2", "mask_test_v2")])
def test_msmt_lists_name_pictures_and_its_test_persons_are_others(folder, parts):
    train, test = parts
    people = {"list_train.txt": (3, "0303morning"), "list_val.txt": (2, "0303noon")}
    shots = {
        file: [
            f"{person:04d}/{person:04d}_00{shot}_0{shot + 1}_{time}_0008_0.jpg"
            for person in range(count)
            for shot in (0, 1)
        ]
        for file, (count, time) in people.items()
    }
    shots |= {
        "list_query.txt": ["0000/0000_000_01_0303morning_0001_0.jpg"],
        "list_gallery.txt": ["0000/0000_001_14_0303morning_0001_0.jpg", "0001/0001_001_14_0303morning_0001_0.jpg"],
    }
    for file, names in shots.items():
        root = train if file in ("list_train.txt", "list_val.txt") else test
        folder.pictures(*(f"M/MSMT17/{root}/{name}" for name in names))
        folder.text(f"M/MSMT17/{file}", *(f"{name} {int(name[:4])}" for name in names))
    found = folder.read(data_dir="M", dataset_name="msmt17")
    assert found.class_names == ("0000", "0001", "0002")
    assert labels(found.train)[:2] == [("0000", 1), ("0000", 2)]
    assert len(found.validation) == 4
    assert labels(found.test) == [("test/0000", 1), ("test/0000", 14), ("test/0001", 14)]
    assert {label.number for label in found.test.targets} == {-1}
    assert not any("test_query" in note for note in found.notes)
    by_folder = folder.read("validation", format="msmt17", validation_path=f"M/MSMT17/{train}")
    assert len(by_folder.validation) == 10
    by_list = folder.read("validation", validation_path="M/MSMT17/list_val.txt")
    assert labels(by_list.validation) == labels(found.validation)
    (folder.root / "M/MSMT17" / train / shots["list_train.txt"][1]).unlink()
    with pytest.raises(DataError, match=r"1 of 6 pictures that .*list_train.txt lists are not in .*0000_001_02"):
        folder.read("train", data_dir="M", dataset_name="msmt17")
    with pytest.raises(DataError, match="folder of the whole data set"):
        folder.read("train", format="msmt17", training_path="M/MSMT17")


def test_predictions_take_pictures_of_unknown_persons_and_a_single_query(folder):
    folder.pictures("who.jpg", "gallery/1_1.jpg", "gallery/stranger.jpg", "gallery/deep/2_1.jpg")
    found = folder.read("prediction", prediction_query_path="who.jpg", prediction_gallery_path="gallery").prediction
    assert [(label.identity, label.role) for label in found.targets] == [
        ("", "query"),
        ("1", "gallery"),
        ("2", "gallery"),
        ("", "gallery"),
    ]


def test_damaged_files_are_listed_when_asked_for(folder):
    folder.pictures("set/1_1.jpg", "set/1_2.jpg")
    folder.text("set/1_3.jpg", "no picture")
    with pytest.raises(DataError, match=r"1 of 3 image files cannot be read:\n.*1_3.jpg"):
        folder.read("validation", check=True, validation_path="set")
    assert len(folder.read("validation", validation_path="set").validation) == 3
