"""`zoo data` on sets of boxes: what is wrong with the boxes, what is measured on them, and other forms of them."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

CONFIG = """\
operation_mode: training
model: {model_name: st_yolodv2milli_actrelu_pt, input_shape: [3, 32, 32]}
dataset:
  format: coco
  dataset_name: coco
  train_images_path: images
  train_annotations_path: boxes.json
  workers: 0
training: {epochs: 1, batch_size: 2}
"""


@pytest.fixture
def boxes(folder: Path) -> dict:
    """Write ten images with two boxes each, and a configuration that leads to them."""
    (folder / "images").mkdir()
    noise = np.random.default_rng(0)
    document = {"images": [], "annotations": [], "categories": [{"id": 5, "name": "cat"}, {"id": 2, "name": "dog"}]}
    for number in range(10):
        Image.fromarray(noise.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(folder / f"images/{number}.png")
        document["images"].append({"id": number, "file_name": f"{number}.png", "width": 40, "height": 30})
        for category in (2, 5):
            box = [number, 3.5, 20, category * 4]
            document["annotations"].append({"image_id": number, "category_id": category, "bbox": box})
    (folder / "boxes.json").write_text(json.dumps(document))
    (folder / "user_config.yaml").write_text(CONFIG)
    return document


def rewrite(document: dict) -> None:
    Path("boxes.json").write_text(json.dumps(document))


def test_check_counts_boxes_of_each_class(cli, boxes) -> None:
    answer = cli("data", "check")
    assert answer.code == 0, answer.err
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["LABELS", "TRAIN", "VALIDATION"] in lines
    assert ["dog", "8", "2"] in lines
    assert ["all", "16", "4"] in lines
    assert "Nothing is wrong" in answer.out


def test_check_names_unusable_boxes(cli, boxes) -> None:
    boxes["annotations"][0]["bbox"] = [10, 10, -4, 5]
    boxes["annotations"].append({"image_id": 3, "category_id": 77, "bbox": [1, 1, 8, 8]})
    rewrite(boxes)
    arguments = ("dataset.val_images_path=images", "dataset.val_annotations_path=boxes.json")
    answer = cli("data", "check", "--json", *(f"+{argument}" for argument in arguments))
    assert answer.code == 2
    document = answer.document
    assert document["splits"][0]["labels"] == {"dog": 9, "cat": 10}
    found = {(problem["kind"], problem["text"].partition(":")[0]) for problem in document["problems"]}
    assert {("inverted_box", "train"), ("inverted_box", "validation"), ("unknown_class", "train")} <= found
    assert any("category 77" in item for problem in document["problems"] for item in problem["items"])


def test_stats_measure_boxes_too(cli, boxes) -> None:
    answer = cli("data", "stats")
    assert answer.code == 0, answer.err
    assert "# 16 boxes on 8 images" in answer.out
    assert "# boxes per image: 2 to 2, median 2; 0 images without" in answer.out
    assert set(yaml.safe_load(answer.out)) == {"preprocessing"}
    labels = cli("data", "stats", "--json").document["labels"]
    assert labels["classes"] == {"dog": 8, "cat": 8}
    assert labels["areas"] == {"small": 16, "medium": 0, "large": 0}


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_converted_set_serves_in_place_of_the_first(cli, boxes, form) -> None:
    answer = cli("data", "convert", "--to", form, "--output", "new")
    assert answer.code == 0, answer.err
    assert f"Wrote new: 8 train, 2 validation images, 2 classes, as {form}." in answer.out
    assert "not written a second time" in answer.err
    section = yaml.safe_load(Path("new/dataset.yaml").read_text())["dataset"]
    config = {**yaml.safe_load(CONFIG), "dataset": {**section, "workers": 0}}
    Path("new/user_config.yaml").write_text(yaml.safe_dump(config))
    first, second = (cli("data", "check", "--json", "--config-path", place).document for place in (".", "new"))
    for document in (first, second):
        assert document["problems"] == []
        assert document["class_names"] == ["dog", "cat"]
    assert [split["labels"] for split in first["splits"]] == [split["labels"] for split in second["splits"]]
    assert [split["sizes"] for split in first["splits"]] == [split["sizes"] for split in second["splits"]]


def test_convert_answers_in_json(cli, boxes) -> None:
    document = cli("data", "convert", "--to", "pascal_voc", "--output", "new", "--link", "--json").document
    assert document["format"] == "voc"
    assert document["images"] == {"train": 8, "validation": 2}
    assert document["folder"] == str(Path("new").resolve())
    assert document["dataset"]["train_split"] == "ImageSets/Main/train.txt"
    assert all(path.is_symlink() for path in Path("new/JPEGImages").iterdir())


def test_folder_with_content_is_refused(cli, boxes) -> None:
    Path("new").mkdir()
    Path("new/note").touch()
    answer = cli("data", "convert", "--to", "voc", "--output", "new")
    assert answer.code == 2
    assert "new is not empty" in answer.err
    assert [path.name for path in Path("new").iterdir()] == ["note"]


def test_empty_folder_is_taken(cli, boxes) -> None:
    Path("new").mkdir()
    assert cli("data", "convert", "--to", "voc", "--output", "new").code == 0
    assert {path.name for path in Path("new").iterdir()} >= {"JPEGImages", "dataset.yaml"}


def test_unknown_form_is_refused_with_its_neighbour(cli, boxes) -> None:
    answer = cli("data", "convert", "--to", "yollo", "--output", "new")
    assert answer.code == 2
    assert 'Nothing writes the data set format "yollo".' in answer.err
    assert "Did you mean yolo?" in answer.err
    assert not Path("new").exists()


def test_use_case_without_writers_is_told(cli, folder) -> None:
    (folder / "flowers" / "rose").mkdir(parents=True)
    Path("user_config.yaml").write_text(
        "operation_mode: training\nmodel: {model_name: resnet8, input_shape: [3, 16, 16]}\n"
        "dataset: {dataset_name: custom, training_path: flowers}\ntraining: {epochs: 1, batch_size: 8}\n"
    )
    answer = cli("data", "convert", "--to", "coco", "--output", "new")
    assert answer.code == 2
    assert "Data sets of the use case classification cannot be converted" in answer.err


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_stays_of_a_conversion_that_ends_early(cli, boxes, monkeypatch, error) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("zoo_detection.data.writers.place_file", fail)
    answer = cli("data", "convert", "--to", "voc", "--output", "new")
    assert answer.code in (2, 130)
    assert not Path("new").exists()


def test_remains_of_a_killed_conversion_say_what_to_do(cli, boxes) -> None:
    Path("new/.unfinished").mkdir(parents=True)
    answer = cli("data", "convert", "--to", "voc", "--output", "new")
    assert answer.code == 2
    assert "new holds what an interrupted conversion left" in answer.err
    assert "Remove new and run the same command again" in answer.err
