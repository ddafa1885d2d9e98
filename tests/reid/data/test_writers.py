"""Conversions keep persons, cameras, roles and the bytes of every picture, and lead to the same division."""

from pathlib import Path

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.protocols import TEST, TRAIN, VALIDATION
from zoo_reid.data.writers import write_flat, write_folders, write_market1501

WRITERS = {"flat": write_flat, "market1501": write_market1501, "folders": write_folders}
LABELLED = (TRAIN, VALIDATION, TEST)


@pytest.fixture
def write(folder):
    """Return a function that writes splits below a folder and reads them back."""

    def run(datasets, form, name="out", link=False):
        (folder.root / name).mkdir()
        with open_progress() as progress:
            written = WRITERS[form](datasets, folder.root / name, link=link, progress=progress)
        keys = dict(written.section)
        seed = keys.pop("seed", 123)
        keys = {key: f"{name}/{value}" if key.endswith("_path") else value for key, value in keys.items()}
        return folder.read(*LABELLED, seed=seed, **keys), written

    return run


@pytest.fixture
def seven(folder):
    """Write seven persons of four pictures by two cameras each, and a test of three others."""
    shots = [f"{person}_c{shot % 2}_{shot}.png" for person in "abcdefg" for shot in range(4)]
    folder.pictures(*(f"train/{name}" for name in shots))
    folder.pictures(*(f"query/{person}_c0_1.png" for person in "xyz"))
    folder.pictures(
        *(f"gallery/{person}_c{camera}_2.png" for person in "xyz" for camera in (0, 1)), "gallery/0_c1_1.png"
    )
    return {"training_path": "train", "test_query_path": "query", "test_gallery_path": "gallery"}


def content(dataset, *, cameras=True):
    """Return bytes, role and camera of each picture, and bytes by person: what does not depend on names."""
    pictures = [
        (Path(dataset.name(index)).read_bytes(), label.role, label.camera if cameras else 0)
        for index, label in enumerate(dataset.targets)
    ]
    persons = {}
    for index, label in enumerate(dataset.targets):
        persons.setdefault(label.identity, set()).add(Path(dataset.name(index)).read_bytes())
    return sorted(pictures), sorted(map(sorted, persons.values()))


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("by", ["identity", "image"])
def test_pictures_persons_cameras_and_division_stay(folder, seven, write, form, by):
    before = folder.read(*LABELLED, seed=5, validation_split=0.5, validation_split_by=by, **seven)
    after, written = write(before, form)
    assert written.images == {"train": len(before.train), "validation": len(before.validation), "test": 10}
    for split in LABELLED:
        kept = form != "market1501"  # where cameras are counted from 1
        assert content(before.get(split), cameras=kept) == content(after.get(split), cameras=kept)
    if form == "market1501":
        assert {label.camera for label in after.train.targets} == {1, 2}
    assert len(before.class_names) == len(after.class_names)


def test_names_are_those_of_the_data_sets(folder, seven, write):
    before = folder.read(*LABELLED, **seven)
    write(before, "flat", "flat")
    write(before, "market1501", "market")
    write(before, "folders", "folders", link=True)
    names = {}
    for form in ("flat", "market", "folders"):
        root = folder.root / form
        names[form] = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.png"))
    assert names["flat"][-1] == "reid_training/g_c1_0004.png"
    assert "reid_test/query/x_c0_0001.png" in names["flat"]
    assert names["market"][0] == "bounding_box_test/0001_c2s1_000001_00.png"
    assert "bounding_box_train/0002_c1s1_000001_00.png" in names["market"]
    assert "gallery/0/c1_0001.png" in names["folders"]
    assert (folder.root / "folders/gallery/0/c1_0001.png").is_symlink()
    assert {len(found) for found in names.values()} == {38}


def test_given_validation_pictures_keep_their_folder(folder, seven, write):
    before = folder.read(TRAIN, VALIDATION, validation_path="gallery", training_path="train")
    after, written = write(before, "flat")
    assert written.section["validation_path"] == "reid_validation"
    assert "validation_split" not in written.section
    assert content(before.validation) == content(after.validation)
    assert after.class_names == before.class_names


def test_without_cameras_market_names_exclude_nothing(folder, write):
    folder.pictures("query/a_1.png", "gallery/a_2.png", "gallery/a_3.png", "gallery/b_1.png")
    before = folder.read(TEST, test_query_path="query", test_gallery_path="gallery")
    after, written = write(before, "market1501")
    cameras = [label.camera for label in after.test.targets if label.identity == "0001"]
    assert len(set(cameras)) == 3
    assert any("No cameras" in note for note in written.notes)
    flat, _ = write(before, "flat", "flat")
    assert {label.camera for label in flat.test.targets} == {-1}


def test_distractors_stay_distractors(folder, write):
    folder.pictures("q/0007_c1s1_000001_00.jpg", "g/0007_c2s1_000001_00.jpg", "g/0000_c2s1_000002_00.jpg")
    keys = {"format": "market1501", "test_query_path": "q", "test_gallery_path": "g"}
    after, _ = write(folder.read(TEST, **keys), "market1501")
    assert [label.identity for label in after.test.targets] == ["0001", "0000", "0001"]


def test_underscores_leave_identities_and_nobody_is_merged(folder, write):
    folder.pictures(*(f"set/{person}/{shot}.png" for person in ("a_b", "a-b", "A-B", ".x", "c") for shot in "12"))
    (folder.root / "set/.x").rename(folder.root / "set/x_")
    before = folder.read(VALIDATION, validation_path="set")
    after, written = write(before, "flat")
    assert sorted(after.validation.label_counts()) == ["A-B", "a-b-2", "a-b-3", "c", "x-"]
    assert content(before.validation) == content(after.validation)
    (note,) = [note for note in written.notes if "other names" in note]
    assert "a_b as a-b-3" in note
    same, written = write(before, "folders", "folders")
    assert "x_" in same.validation.label_counts()


def test_deepsportradar_becomes_flat(folder, write):
    folder.pictures("d/reid_training/1_1_1.jpeg", "d/reid_training/1_1_2.jpeg", "d/reid_training/2_1_1.jpeg")
    folder.pictures("d/reid_training/2_2_1.jpeg", "d/reid_training/3_2_1.jpeg", "d/reid_training/3_2_2.jpeg")
    folder.pictures("d/reid_test/query/8_1_0.jpeg", "d/reid_test/gallery/8_1_1.jpeg")
    before = folder.read(*LABELLED, data_dir="d", dataset_name="deepsportradar")
    after, written = write(before, "flat")
    assert set(written.section) >= {"training_path", "test_query_path", "test_gallery_path"}
    assert after.class_names == before.class_names
    for split in LABELLED:
        assert content(before.get(split)) == content(after.get(split))
