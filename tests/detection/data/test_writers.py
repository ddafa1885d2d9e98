"""Conversions keep what the forms can hold: boxes within half a pixel, classes in their order, crowds."""

import json

import numpy as np
import pytest
import yaml

from zoo_core.cli._progress import open_progress
from zoo_core.protocols import TRAIN, VALIDATION
from zoo_detection.data.writers import write_coco, write_voc, write_yolo

WRITERS = {"coco": write_coco, "voc": write_voc, "yolo": write_yolo}
SIZES = [(64, 48), (33, 71), (120, 20), (50, 50)]


@pytest.fixture
def write(folder):
    """Return a function that writes splits below a folder and reads them back."""

    def run(datasets, form, name, link=False):
        place = folder.root / name
        place.mkdir()
        with open_progress() as progress:
            written = WRITERS[form](datasets, place, link=link, progress=progress)
        section = {
            key: f"{name}/{value}" if key.endswith(("_path", "_split")) else value
            for key, value in written.section.items()
        }
        splits = [split for split in (TRAIN, VALIDATION) if datasets.get(split) is not None]
        return folder.read(*splits, class_names=datasets.class_names, **section), written

    return run


@pytest.fixture
def random_coco(folder):
    """Return a function that writes a random set of boxes inside their images, at least a pixel wide, and reads it."""

    def make(seed):
        noise = np.random.default_rng(seed)
        document = {"images": [], "annotations": [], "categories": []}
        document["categories"] = [{"id": number, "name": f"kind {number}"} for number in (9, 4, 60)]
        for number in range(6):
            width, height = SIZES[number % len(SIZES)]
            folder.image(f"images/{number % 2}/{number // 2}.png", (width, height))
            entry = {"id": 1000 - number, "file_name": f"{number % 2}/{number // 2}.png"}
            document["images"].append({**entry, "width": width, "height": height})
            for _ in range(int(noise.integers(0, 7))):
                low = noise.random(2) * (np.array([width, height]) - 1)
                side = 1 + noise.random(2) * (np.array([width, height]) - 1 - low)
                if noise.random() < 0.3:
                    low, side = np.floor(low), np.maximum(np.floor(side), 1)
                if noise.random() < 0.2:
                    low = np.floor(low) + 0.5
                    side = np.maximum(np.floor(side) - 1, 1)
                    low = np.minimum(low, np.array([width, height]) - side)
                document["annotations"].append(
                    {
                        "image_id": 1000 - number,
                        "category_id": int(noise.choice([9, 4, 60])),
                        "bbox": [*low.tolist(), *side.tolist()],
                        "area": float(noise.random() * 100),
                        "iscrowd": int(noise.random() < 0.2),
                    }
                )
        folder.coco("boxes.json", document)
        keys = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
        return folder.read("train", "validation", **keys)

    return make


def same(before, after, *, within, crowd=True):
    assert after.class_names == before.class_names
    for split in (TRAIN, VALIDATION):
        first, second = before.get(split), after.get(split)
        assert len(first) == len(second)
        for index in range(len(first)):
            old, new = first.targets[index], second.targets[index]
            old = old if crowd else old.chosen(old.trained)
            assert old.classes.tolist() == new.classes.tolist()
            assert old.crowd.tolist() == new.crowd.tolist()
            np.testing.assert_allclose(new.boxes, old.boxes, atol=within)
            assert first[index].image.tobytes() == second[index].image.tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_coco_to_voc_and_back(random_coco, write, seed):
    before = random_coco(seed)
    voc, _ = write(before, "voc", "voc")
    same(before, voc, within=0.5 + 1e-9)
    back, _ = write(voc, "coco", "back")
    same(before, back, within=0.5 + 1e-9)
    same(voc, back, within=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_coco_to_yolo_and_back(random_coco, write, seed):
    before = random_coco(seed)
    yolo, _ = write(before, "yolo", "yolo")
    same(before, yolo, within=1e-4, crowd=False)
    back, _ = write(yolo, "coco", "back")
    same(before, back, within=1e-4, crowd=False)


def test_coco_to_coco_keeps_ids_and_areas(random_coco, write):
    before = random_coco(1)
    after, _ = write(before, "coco", "again")
    same(before, after, within=1e-5)
    for old, new in zip(before.train.targets, after.train.targets, strict=True):
        assert (new.image_id, new.category_ids) == (old.image_id, (4, 9, 60))
        np.testing.assert_allclose(new.areas, old.areas, atol=1e-5)


def test_order_of_the_user_is_kept_by_new_ids(coco, write):
    keys = {"train_images_path": "images", "train_annotations_path": "boxes.json"}
    before = coco.read("train", class_names=("owl", "dog"), **keys)
    after, _ = write(before, "coco", "new")
    assert after.train.targets[0].category_ids == (1, 2)
    document = json.loads((coco.root / "new/annotations/instances_train.json").read_text())
    assert document["categories"] == [{"id": 1, "name": "owl"}, {"id": 2, "name": "dog"}]


def test_equal_file_names_get_names_of_their_own(random_coco, write, folder):
    write(random_coco(0), "voc", "voc")
    names = sorted(path.name for path in (folder.root / "voc/JPEGImages").iterdir())
    assert names == ["0.png", "0_2.png", "1.png", "1_2.png", "2.png", "2_2.png"]


@pytest.mark.parametrize("form", WRITERS)
def test_files_are_the_same_every_time(random_coco, write, folder, form):
    before = random_coco(2)
    for name in ("one", "two"):
        write(before, form, name)
    trees = [
        {
            path.relative_to(folder.root / name): path.read_bytes()
            for path in (folder.root / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    ]
    assert trees[0] == trees[1]


def test_images_may_be_linked(random_coco, write, folder):
    before = random_coco(0)
    after, _ = write(before, "yolo", "linked", link=True)
    same(before, after, within=1e-4, crowd=False)
    links = list((folder.root / "linked").rglob("*.png"))
    assert all(path.is_symlink() for path in links)
    assert len(links) == 6


def test_yolo_folder_is_read_by_other_programs_too(random_coco, write, folder):
    write(random_coco(0), "yolo", "yolo")
    document = yaml.safe_load((folder.root / "yolo/data.yaml").read_text())
    assert document == {"train": "train", "val": "val", "names": {0: "kind 4", 1: "kind 9", 2: "kind 60"}}
    texts = {path.stem for path in (folder.root / "yolo/train").glob("*.txt")}
    assert texts == {path.stem for path in (folder.root / "yolo/train").glob("*.png")}


def test_what_a_form_cannot_hold_is_told(coco, write):
    coco.document["annotations"] += [
        {"image_id": 30, "category_id": 3, "bbox": [50, 10, 30, 10]},
        {"image_id": 30, "category_id": 3, "bbox": [80, 10, 30, 10]},
    ]
    coco.coco("boxes.json", coco.document)
    coco.image("images/b.png", (5, 5))
    coco.text("images/c.png", "")
    keys = {"val_images_path": "images", "val_annotations_path": "boxes.json"}
    before = coco.read("validation", **keys)
    after, written = write(before, "yolo", "yolo")
    assert len(after.validation) == 2
    expected = [[60, 40, 64, 48], [50, 10, 64, 20]]
    np.testing.assert_allclose(after.validation.targets[1].boxes, expected, atol=1e-4)
    notes = "\n".join(written.notes)
    assert "1 images cannot be read" in notes
    assert "1 images have another size" in notes
    assert "1 crowds" in notes
    assert "1 boxes reached out" in notes
    assert "1 boxes lay wholly outside" in notes


def test_boxes_of_less_than_a_pixel_keep_one_in_voc(coco, write):
    coco.document["annotations"] = [
        {"image_id": 33, "category_id": 3, "bbox": box} for box in ([10.2, 5.1, 0.2, 0.3], [63.9, 47.9, 0.1, 0.1])
    ]
    coco.coco("boxes.json", coco.document)
    before = coco.read("validation", val_images_path="images", val_annotations_path="boxes.json")
    after, _ = write(before, "voc", "voc")
    boxes = [labels.boxes.tolist() for labels in after.validation.targets if len(labels)]
    assert boxes == [[[10, 5, 11, 6], [63, 47, 64, 48]]]
