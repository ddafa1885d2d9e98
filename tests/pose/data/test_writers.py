"""Conversions have ST's layout and keep what the forms can hold."""

import json

import numpy as np
import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.data.shapes.skeleton import KEYPOINTS
from zoo_pose.data.writers import write_coco, write_yolo


@pytest.fixture
def write(folder):
    """Return a function that writes splits below a folder and reads them back."""

    def run(writer, datasets, name="out", link=False):
        place = folder.root / name
        place.mkdir()
        with open_progress() as progress:
            written = writer(datasets, place, link=link, progress=progress)
        section = {key: f"{name}/{value}" if key.endswith("_path") else value for key, value in written.section.items()}
        splits = [split for split in ("train", "validation", "test") if datasets.get(split) is not None]
        return folder.read(*splits, class_names=datasets.class_names, **section), written

    return run


@pytest.fixture
def crowd(folder):
    """Return random poses of 17 keypoints on 7 images, some with none, some with a crowd, in COCO's form."""
    noise = np.random.default_rng(3)
    rows = []
    for image, poses in enumerate([1, 2, 0, 1, 3, 1, 1]):
        folder.image(f"images/{image}.png")
        for _ in range(poses):
            flags = noise.integers(0, 3, 17)
            flags[9] = 2
            points = np.round(noise.random((17, 2)) * [64, 48], 3) * (flags > 0)[:, None]
            low = np.round(noise.random(2) * [30, 20], 2)
            rows.append(
                {
                    "image_id": image,
                    "bbox": [*low.tolist(), 20.5, 17.25],
                    "area": 100.5,
                    "keypoints": np.column_stack([points, flags]).ravel().tolist(),
                }
            )
    rows.append({"image_id": 0, "bbox": [1, 1, 5, 5], "iscrowd": 1, "keypoints": [0] * 51})
    rows.append({"image_id": 3, "bbox": [1, 1, 0, 5], "keypoints": [5, 5, 2] * 17})
    rows.append({"image_id": 5, "bbox": [1, 1, 5, 5], "keypoints": [0] * 51})
    folder.coco("a.json", [(number, f"{number}.png") for number in range(7)], rows, KEYPOINTS)

    def read(**keys):
        return folder.read("validation", val_images_path="images", val_annotations_path="a.json", **keys)

    return read


def test_yolo_of_many_poses_has_the_folders_and_lines_of_st(folder, write, crowd):
    before = crowd()
    after, written = write(write_yolo, before)
    place = folder.root / "out/multi/17kpts/val"
    assert sorted(path.name for path in place.iterdir()) == sorted(
        f"{number}.{ending}" for number in (0, 1, 3, 4, 5, 6) for ending in ("png", "txt")
    )
    lines = [line for path in place.glob("*.txt") for line in path.read_text().splitlines()]
    assert {len(line.split()) for line in lines} == {56}
    assert {line.split()[0] for line in lines} == {"0"}
    assert {word for line in lines for word in line.split()[7::3]} == {"0", "1"}
    assert all(path.read_text().endswith("\n") for path in place.glob("*.txt"))
    assert written.images == {"validation": 6}
    assert any("1 images without a labelled keypoint" in note for note in written.notes)
    assert any("1 crowds are left out" in note for note in written.notes)
    kept = [labels.chosen(~labels.crowd) for labels in before.validation.targets]
    kept = [labels for labels in kept if len(labels)]
    for old, new in zip(kept, after.validation.targets, strict=True):
        np.testing.assert_array_equal(new.visible, np.minimum(old.visible, 1))
        np.testing.assert_allclose(new.points, old.points, atol=1e-4)
        np.testing.assert_allclose(new.boxes, old.boxes, atol=1e-4)
        assert len(new) == len(old)
    assert after.class_names == KEYPOINTS


def test_yolo_of_single_poses_with_thirteen_keypoints(folder, write, crowd):
    before = crowd(pose="single", keypoints=13)
    after, written = write(write_yolo, before)
    assert written.section["validation_path"] == "single/13kpts/val"
    assert written.section["keypoints"] == 13
    lines = [path.read_text().split() for path in (folder.root / "out/single/13kpts/val").glob("*.txt")]
    assert len(lines) == len(before.validation) == 1
    assert {len(line) for line in lines} == {44}
    assert after.class_names == before.class_names
    assert after.class_names[0] == "head"


def test_coco_keeps_everything(folder, write, crowd):
    before = crowd()
    after, _ = write(write_coco, before)
    assert len(after.validation) == 7
    for old, new in zip(before.validation.targets, after.validation.targets, strict=True):
        assert new.image_id == old.image_id
        for name in ("points", "boxes", "areas"):
            np.testing.assert_allclose(getattr(new, name), getattr(old, name), atol=1e-3)
        np.testing.assert_array_equal(new.visible, old.visible)
        np.testing.assert_array_equal(new.crowd, old.crowd)
    assert after.validation.skeleton == before.validation.skeleton


def test_coco_file_is_legal(folder, write, crowd):
    coco = pytest.importorskip("pycocotools.coco")
    write(write_coco, crowd(keypoints=13))
    path = folder.root / "out/annotations/person_keypoints_val.json"
    document = json.loads(path.read_text())
    (category,) = document["categories"]
    assert (category["id"], category["name"], len(category["keypoints"])) == (1, "person", 13)
    assert min(min(link) for link in category["skeleton"]) == 1
    for row in document["annotations"]:
        assert row["num_keypoints"] == sum(flag > 0 for flag in row["keypoints"][2::3])
    reference = coco.COCO(str(path))
    assert len(reference.getAnnIds(iscrowd=True)) == 1


def test_skeleton_of_an_animal_survives(folder, write):
    folder.image("d/1.png")
    header = "scorer,m,m,m,m\nbodyparts,one,one,two,two\ncoords,x,y,x,y\n"
    folder.text("d/t.csv", f"{header}1.png,3,4,7,8\n")
    keys = {"flip_pairs": ((0, 1),), "sigmas": (0.1, 0.2), "skeleton": ((1, 0),)}
    before = folder.read("validation", validation_path="d/t.csv", **keys)
    for writer in (write_yolo, write_coco):
        after, _ = write(writer, before, writer.__name__, link=True)
        assert after.validation.skeleton == before.validation.skeleton
        np.testing.assert_allclose(after.validation.targets[0].points, [[[3, 4], [7, 8]]], atol=1e-4)
    assert (folder.root / "write_yolo/single/2kpts/val/1.png").is_symlink()


def test_what_lies_outside_the_image_is_cut(folder, write):
    folder.image("images/1.png")
    rows = [
        {"image_id": 1, "bbox": [-10, 10, 30, 60], "keypoints": [70, 5, 2, 5, 5, 2]},
        {"image_id": 1, "bbox": [-10, 10, 5, 60], "keypoints": [5, 5, 2, 5, 5, 2]},
    ]
    folder.coco("a.json", [(1, "1.png")], rows, ("a", "b"))
    before = folder.read("validation", val_images_path="images", val_annotations_path="a.json")
    after, written = write(write_yolo, before)
    labels = after.validation.targets[0]
    np.testing.assert_allclose(labels.boxes, [[0, 10, 20, 48]], atol=1e-4)
    assert labels.visible.tolist() == [[0, 1]]
    assert len(written.notes) == 3


def test_equal_names_of_different_folders_stay_apart(folder, write):
    for place in ("x", "y"):
        folder.pose(f"train/{place}/1", [0, 0.5, 0.5, 0.5, 0.5, 0.25 if place == "x" else 0.75, 0.5, 1])
    after, _ = write(write_yolo, folder.read("validation", validation_path="train"))
    assert [labels.points[0, 0, 0] for labels in after.validation.targets] == pytest.approx([16, 48])


def test_turned_images_of_coco_cannot_be_written_as_yolo(folder, write):
    exif = __import__("PIL.Image").Image.Exif()
    exif[0x0112] = 6
    folder.image("images/1.jpg", (64, 48), exif=exif)
    folder.image("images/2.jpg", (64, 48))
    rows = [{"image_id": number, "bbox": [1, 1, 9, 9], "keypoints": [5, 5, 2]} for number in (1, 2)]
    folder.coco("a.json", [(1, "1.jpg"), (2, "2.jpg")], rows, ("a",))
    before = folder.read("validation", val_images_path="images", val_annotations_path="a.json")
    assert before.validation[0].image.size == (64, 48)
    after, written = write(write_yolo, before)
    assert len(after.validation) == 1
    assert any("1 images are stored turned" in note for note in written.notes)
    assert len(write(write_coco, before, "coco")[0].validation) == 2
