"""`zoo data` sees the images of a configuration as training would."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

CONFIG = """\
operation_mode: training
model: {model_name: resnet8, input_shape: [3, 16, 16]}
dataset: {dataset_name: custom, training_path: flowers, workers: 0}
preprocessing: {color_mode: rgb, rescaling: {scale: 1/127.5, offset: -1}}
training: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def flowers(folder: Path) -> Path:
    """Write ten images of each of two classes and a configuration that leads to them."""
    noise = np.random.default_rng(0)
    for name in ("daisy", "rose"):
        (folder / "flowers" / name).mkdir(parents=True)
        for index in range(10):
            pixels = noise.integers(0, 256, (12, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "flowers" / name / f"{index}.png")
    Path("user_config.yaml").write_text(CONFIG)
    return folder / "flowers"


def test_check_of_sound_images(cli, flowers: Path) -> None:
    answer = cli("data", "check")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    columns = ["SPLIT", "IMAGES", "UNREADABLE", "CLASSES", "IMAGES", "PER", "CLASS", "PIXELS", "COLOURS"]
    assert lines[0].split() == columns
    assert lines[1].split() == ["train", "16", "0", "2", "8", "20x12", "RGB"]
    assert lines[2].split()[:3] == ["validation", "4", "0"]
    assert "Nothing is wrong" in lines[-1]
    assert "Reading train images" in answer.err


def test_balance_is_told_by_the_smallest_and_the_largest_class(cli, flowers: Path) -> None:
    for number in range(5):
        (flowers / "rose" / f"{number}.png").unlink()
    answer = cli("data", "check", "dataset.validation_path=flowers")
    assert answer.out.splitlines()[1].split()[4:10] == ["5", "(rose)", "to", "10", "(daisy)", "20x12"]


def test_check_creates_no_run(cli, flowers: Path) -> None:
    cli("data", "check")
    assert sorted(path.name for path in flowers.parent.iterdir()) == ["flowers", "user_config.yaml"]


def test_problems_are_listed_and_end_with_an_exit_code(cli, flowers: Path) -> None:
    (flowers / "daisy" / "bad.png").touch()
    (flowers / "rose" / "copy.png").write_bytes((flowers / "daisy" / "0.png").read_bytes())
    answer = cli("data", "check")
    assert answer.code == 2
    assert f"{flowers / 'daisy' / 'bad.png'}: the file is empty" in answer.out
    assert "1 image stands with different classes" in answer.out


def test_check_does_not_stop_at_what_a_run_would_stop_at(cli, flowers: Path) -> None:
    (flowers / "daisy" / "bad.png").touch()
    answer = cli("data", "check", "dataset.check_image_files=True")
    assert "1 of" in answer.out
    assert "cannot be read" in answer.out


def test_check_json_holds_everything(cli, flowers: Path) -> None:
    for index in range(15):
        (flowers / "daisy" / f"bad{index}.png").touch()
    answer = cli("data", "check", "--json", "dataset.validation_path=flowers")
    assert answer.code == 2
    document = answer.document
    assert (document["valid"], document["dataset"]) == (False, "custom")
    assert document["file"] == str(flowers.parent / "user_config.yaml")
    train = document["splits"][0]
    assert train["classes"] == {"daisy": 25, "rose": 10}
    assert len(train["unreadable"]) == 15
    assert train["sizes"]["width"] == {"smallest": 20, "median": 20, "largest": 20}
    assert train["sizes"]["common"] == [{"width": 20, "height": 12, "images": 20}]
    assert {problem["kind"] for problem in document["problems"]} == {"unreadable", "shared"}
    shared = next(problem for problem in document["problems"] if problem["kind"] == "shared")
    assert len(shared["items"]) == 20
    assert len(cli("data", "check", "dataset.validation_path=flowers").out.splitlines()) < 60


def test_validation_images_that_stand_in_for_a_test_set_are_read_once(cli, flowers: Path) -> None:
    assert [split["split"] for split in cli("data", "check", "--json").document["splits"]] == ["train", "validation"]


def test_calibration_and_prediction_images_of_their_own_are_read(cli, flowers: Path) -> None:
    arguments = ("dataset.quantization_path=flowers", "dataset.prediction_path=flowers/rose")
    found = cli("data", "check", "--json", *arguments).document["splits"]
    assert [split["split"] for split in found] == ["train", "validation", "quantization", "prediction"]
    assert found[-1]["classes"] is None


def test_data_set_that_cannot_be_divided_is_an_error(cli, flowers: Path) -> None:
    (flowers / "rose" / "nested").mkdir()
    answer = cli("data", "check")
    assert answer.code == 2
    assert "holds other folders (nested)" in answer.err


def test_mistakes_of_the_file_are_reported_as_everywhere(cli, flowers: Path) -> None:
    assert cli("data", "check", "training.epochs=ten").err == cli("config", "check", "training.epochs=ten").err


def test_stats_are_yaml_that_the_file_takes(cli, flowers: Path) -> None:
    answer = cli("data", "stats")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("# 16 training images, brought to 3x16x16 and rescaled by 0.00784314 x pixel + -1\n")
    found = yaml.safe_load(answer.out)["preprocessing"]["normalization"]
    overrides = [f"+preprocessing.normalization.{key}={value}".replace(" ", "") for key, value in found.items()]
    shown = cli("config", "show", "--json", *overrides)
    assert shown.code == 0, shown.err
    assert shown.document["config"]["preprocessing"]["normalization"] == found


def test_stats_are_those_of_the_training_images_only(cli, flowers: Path) -> None:
    document = cli("data", "stats", "--json", "dataset.validation_path=flowers").document
    pixels = []
    for path in sorted(flowers.rglob("*.png")):
        with Image.open(path) as image:
            pixels.append(np.asarray(image.resize((16, 16), Image.Resampling.BILINEAR), np.float64) / 127.5 - 1)
    np.testing.assert_allclose(document["mean"], np.mean(pixels, axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(document["std"], np.std(pixels, axis=(0, 1, 2)), rtol=1e-6)
    assert (document["images"], document["split"]) == (20, "train")


def test_stats_do_not_depend_on_values_that_are_there_already(cli, flowers: Path) -> None:
    given = cli("data", "stats", "--json", "+preprocessing.normalization={mean: 3, std: 7}").document
    assert given == cli("data", "stats", "--json").document


def test_stats_tell_of_what_they_left_out(cli, flowers: Path) -> None:
    (flowers / "daisy" / "bad.png").touch()
    answer = cli("data", "stats", "dataset.validation_path=flowers")
    assert answer.code == 0
    assert "warning: 1 images could not be read; zoo data check names them." in answer.err


def test_stats_of_colours_without_change_are_usable(cli, flowers: Path) -> None:
    answer = cli("data", "stats", "preprocessing.color_mode=rgba", "model.input_shape=[4,16,16]")
    assert "Channel 4 has the same value everywhere" in answer.err
    assert yaml.safe_load(answer.out)["preprocessing"]["normalization"]["std"][3] == 1


def test_loader_processes_change_nothing(cli, flowers: Path) -> None:
    for path in list(flowers.rglob("*.png")):
        for number in range(20):
            path.with_name(f"{path.stem}_{number}.png").write_bytes(path.read_bytes())
    (flowers / "rose" / "bad.png").touch()
    for command in ("check", "stats"):
        answers = [cli("data", command, "--json", f"dataset.workers={workers}") for workers in (0, 2)]
        assert answers[0].document == answers[1].document
        assert answers[0].code == answers[1].code
