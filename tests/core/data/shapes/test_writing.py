"""The folder holds what it should, byte by byte the same again, or nothing at all."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from zoo_core.data.shapes.plan import ShapesPlan
from zoo_core.data.shapes.texts import detection_config, pose_config, reid_config
from zoo_core.data.shapes.writing import write_shapes
from zoo_core.errors import UserError

SPLITS = {"train": 28, "val": 6, "test": 6}
SMALL = ShapesPlan(images=10, size=64, identities=4)


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_folder_holds_every_part(made):
    names = {"README.txt", "annotations", "detection.yaml", "images", "pose", "pose.yaml", "reid", "reid.yaml"}
    assert {path.name for path in made.iterdir()} == names
    for split, count in SPLITS.items():
        assert len(list((made / "images" / split).iterdir())) == count
        pictures = {path.stem for path in (made / "pose" / split).glob("*.jpg")}
        assert pictures == {path.stem for path in (made / "pose" / split).glob("*.txt")}
        assert len(pictures) == count


def test_report_says_what_was_written(written):
    folder, report = written
    assert report.images == SPLITS
    assert report.crops == {
        name: len(list((folder / "reid" / name).iterdir())) for name in ("train", "query", "gallery")
    }
    documents = [json.loads((folder / f"annotations/instances_{split}.json").read_text()) for split in SPLITS]
    assert sum(report.figures.values()) == sum(len(document["annotations"]) for document in documents)
    assert list(report.figures) == [category["name"] for category in documents[0]["categories"]]


def test_same_numbers_give_the_same_bytes_and_another_seed_others(tmp_path, progress):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_shapes(tmp_path / name, ShapesPlan(images=10, size=64, identities=4, seed=seed), progress)
    one, again, other = (hashes(tmp_path / name) for name in "abc")
    assert one == again
    assert set(one) == set(other)
    assert {name for name in one if one[name] == other[name]} == {"detection.yaml", "pose.yaml", "reid.yaml"}


def test_splits_have_no_picture_in_common(made):
    found = [digest for name, digest in hashes(made).items() if name.endswith(".jpg")]
    assert len(set(found)) == len(found)


def test_every_file_of_pose_fits_its_picture(made):
    for path in (made / "pose").rglob("*.txt"):
        with Image.open(path.with_suffix(".jpg")) as picture:
            assert picture.size == (96, 96)
        (line,) = path.read_text().splitlines()
        numbers = np.array([float(word) for word in line.split(" ")])
        assert len(numbers) == 56
        assert numbers[0] == 0
        assert (numbers >= 0).all()
        assert (numbers <= 1).all()
        points = numbers[5:].reshape(17, 3)
        assert set(points[:, 2]) <= {0.0, 1.0}
        centre, half = numbers[1:3], numbers[3:5] / 2
        labelled = points[points[:, 2] > 0][:, :2]
        assert (np.abs(labelled - centre) <= half + 0.5 / 96).all()


def test_identities_of_training_are_not_searched_for(made):
    found = {}
    for name in ("train", "query", "gallery"):
        files = [path.name for path in (made / "reid" / name).iterdir()]
        assert all(re.fullmatch(r"\d{4}_c[1-4]_\d{2}\.jpg", file) for file in files)
        found[name] = {file.split("_")[0] for file in files}
    assert found == {"train": {"0001", "0002", "0003"}, "query": {"0004", "0005"}, "gallery": {"0004", "0005"}}


def test_every_query_has_matches_by_other_cameras(made):
    gallery = {tuple(path.stem.split("_")[:2]) for path in (made / "reid/gallery").iterdir()}
    for path in (made / "reid/query").iterdir():
        identity, camera, _ = path.stem.split("_")
        assert len({other for name, other in gallery if name == identity and other != camera}) == 3
        with Image.open(path) as picture:
            assert picture.size == (64, 128)


def test_configuration_names_files_that_exist(made):
    config = yaml.safe_load((made / "detection.yaml").read_text())
    dataset = config["dataset"]
    paths = [value for key, value in dataset.items() if key.endswith("_path")]
    assert len(paths) == 8
    assert all((made / path).exists() for path in paths)
    categories = json.loads((made / dataset["train_annotations_path"]).read_text())["categories"]
    assert dataset["class_names"] == [category["name"] for category in categories]
    assert config["model"]["num_classes"] == len(categories)
    assert config["model"]["input_shape"] == [3, 96, 96]


def test_configuration_of_re_identification_names_folders_that_exist(made):
    config = yaml.safe_load((made / "reid.yaml").read_text())
    paths = [value for key, value in config["dataset"].items() if key.endswith("_path")]
    assert sorted(paths) == ["reid/gallery", "reid/gallery", "reid/query", "reid/query", "reid/train"]
    assert all(list((made / path).glob("*.jpg")) for path in paths)
    assert config["model"]["input_shape"] == "(64, 32, 3)"


def test_configuration_of_pose_estimation_names_folders_that_exist(made):
    config = yaml.safe_load((made / "pose.yaml").read_text())
    paths = [value for key, value in config["dataset"].items() if key.endswith("_path")]
    assert sorted(paths) == ["pose/test", "pose/test", "pose/train", "pose/train", "pose/val"]
    for path in paths:
        lines = [file.read_text().split() for file in (made / path).glob("*.txt")]
        assert {len(words) for words in lines} == {1 + 4 + 3 * config["dataset"]["keypoints"]}


@pytest.mark.parametrize(
    ("identities", "by", "persons"), [(4, "image", 2), (5, "identity", 2), (10, "identity", 4), (40, "identity", 16)]
)
def test_batches_hold_no_more_persons_than_train(identities, by, persons):
    config = yaml.safe_load(reid_config(ShapesPlan(identities=identities)))
    assert config["dataset"]["validation_split_by"] == by
    assert config["training"]["batch_size"] == persons * config["training"]["num_instances"]


def test_more_identities_do_not_make_larger_batches():
    assert yaml.safe_load(reid_config(ShapesPlan(identities=480)))["training"]["batch_size"] == 64


@pytest.mark.parametrize(("size", "side"), [(64, 64), (100, 96), (160, 160), (180, 192)])
def test_input_of_the_model_is_a_multiple_of_32(size, side):
    config = yaml.safe_load(detection_config(ShapesPlan(size=size)))
    assert config["model"]["input_shape"] == [3, side, side]
    config = yaml.safe_load(pose_config(ShapesPlan(size=size)))
    assert config["model"]["input_shape"] == f"({side}, {side}, 3)"


@pytest.mark.parametrize(("images", "epochs"), [(10, 65), (1600, 65), (4000, 26), (100_000, 20)])
def test_trainings_of_poses_see_about_as_many_pictures_however_many_there_are(images, epochs):
    training = yaml.safe_load(pose_config(ShapesPlan(images=images)))["training"]
    assert training["epochs"] == epochs
    assert training["callbacks"]["LRWarmupCosineDecay"]["decay_steps"] == epochs - 2


def test_text_says_how_to_make_it_again(made):
    text = (made / "README.txt").read_text()
    assert "--images 40 --size 96 --seed 3 --identities 5" in text
    assert "28, 6 and 6 pictures of 96 x 96 pixels" in text
    assert max(len(line) for line in text.splitlines()) <= 120


def test_empty_folder_is_filled_with_progress(tmp_path, progress):
    write_shapes(tmp_path, SMALL, progress)
    assert progress.steps == {"Drawing figures": [10, 10], "Drawing poses": [10, 10], "Drawing identities": [64, 64]}
    assert (tmp_path / "README.txt").is_file()
    assert not list(tmp_path.glob(".*"))


def test_folder_that_is_not_empty_is_left_as_it_is(tmp_path, progress):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="is not empty"):
        write_shapes(tmp_path, SMALL, progress)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_file_in_the_place_of_the_folder_is_named(tmp_path, progress):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file is a file"):
        write_shapes(tmp_path / "file", SMALL, progress)
    with pytest.raises(UserError, match="Cannot write"):
        write_shapes(tmp_path / "file" / "below", SMALL, progress)
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_of_what_was_not_finished(tmp_path, progress, monkeypatch, exists, error):
    folder = tmp_path / "new"
    if exists:
        folder.mkdir()

    def fail(*arguments):
        raise error

    monkeypatch.setattr("zoo_core.data.shapes.writing.draw_pose", fail)
    with pytest.raises((UserError, KeyboardInterrupt)) as caught:
        write_shapes(folder, SMALL, progress)
    assert isinstance(caught.value, UserError) == isinstance(error, OSError)
    assert isinstance(caught.value, KeyboardInterrupt) or "No space left on device" in caught.value.message
    assert folder.exists() == exists
    assert not exists or not list(folder.iterdir())


def test_nothing_is_left_when_the_last_step_fails(tmp_path, progress, monkeypatch):
    rename = Path.rename

    def fail(path, target):
        if path.name == "pose":
            raise OSError(13, "Permission denied", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserError, match="pose: Permission denied"):
        write_shapes(tmp_path, SMALL, progress)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("images", "splits"), [(10, (6, 2, 2)), (400, (280, 60, 60)), (1001, (701, 150, 150))])
def test_splits_add_up(images, splits):
    assert tuple(ShapesPlan(images=images).splits.values()) == splits


def test_faults_are_named_together():
    assert ShapesPlan().faults() == ()
    faults = ShapesPlan(images=3, size=5000, seed=-1, identities=1).faults()
    assert [fault.split()[0] for fault in faults] == ["images", "size", "seed", "identities"]
    assert faults[0] == "images is 3, expected a whole number from 10 to 100000"
