"""`zoo data preview`: the sheet, its options, and what it says when something is missing."""

from pathlib import Path

import pytest
from PIL import Image

CONFIG = """\
operation_mode: OPERATION
use_case: classification
general: {seed: SEED}
model: {model_name: resnet8, input_shape: [1, 16, 16]}
dataset: {dataset_name: digits, workers: 0}
data_augmentation:
  AUGMENTATION
training: {epochs: 1, batch_size: 8}
"""


@pytest.fixture
def write(folder):
    def make(augmentation="random_rotation: {factor: 0.1}", seed="7", mode="training"):
        text = CONFIG.replace("AUGMENTATION", augmentation).replace("SEED", seed).replace("OPERATION", mode)
        path = folder / "config.yaml"
        path.write_text(text)
        return str(path)

    return make


def test_sheet_is_written_and_said_to_be(cli, write):
    answer = cli("data", "preview", write(), "--count", "2")
    assert answer.code == 0, answer.err
    wanted = "Wrote augmentation_preview.png: 2 images before and after, as a training with seed 7 draws them."
    assert answer.out.strip() == wanted
    with Image.open("augmentation_preview.png") as sheet:
        assert sheet.format == "PNG"


def test_sheet_is_the_same_again_and_another_with_another_seed(cli, write):
    file = write()
    for name, overrides in (("a", []), ("b", []), ("c", ["general.seed=8"])):
        assert cli("data", "preview", file, *overrides, "--count", "2", "--output", f"{name}.png").code == 0
    sheets = [Path(f"{name}.png").read_bytes() for name in "abc"]
    assert sheets[0] == sheets[1] != sheets[2]


def test_json_names_the_images(cli, write):
    document = cli("data", "preview", write(), "--count", "3", "--output", "new/sheet.png", "--json").document
    assert document["file"] == str(Path("config.yaml").resolve())
    assert document["picture"] == str(Path("new/sheet.png").resolve())
    assert Path(document["picture"]).is_file()
    assert document["seed"] == 7
    assert document["columns"] == ["epoch 1", "epoch 2", "epoch 3", "epoch 4"]
    assert [set(image) for image in document["images"]] == [{"path", "label"}] * 3
    assert {image["label"] for image in document["images"]} <= set("0123456789")


def test_file_of_another_mode_is_shown_too(cli, write):
    assert cli("data", "preview", write(mode="chain_tqe"), "quantization={}", "--count", "1").code == 0
    assert cli("data", "preview", write(mode="evaluation"), "model.pretrained=True", "--count", "1").code == 0


def test_absent_seed_is_drawn_and_named(cli, write):
    document = cli("data", "preview", write(seed="None"), "--count", "1", "--json").document
    assert isinstance(document["seed"], int)


def test_file_without_augmentation_says_so(cli, write):
    answer = cli("data", "preview", write(augmentation="no_aug: True"), "--count", "1")
    assert answer.code == 0
    assert "No image was changed" in answer.err


def test_what_acts_on_batches_is_said_not_to_be_shown(cli, write):
    answer = cli("data", "preview", write(augmentation="mixup: 0.2"), "--count", "1")
    assert "mixup, is not shown" in answer.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--output", "sheet.jpg"], "not the name of a PNG file"),
        (["--count", "0"], "--count"),
        (["data_augmentation.random_rotation.factor=fast"], "random_rotation.factor"),
    ],
)
def test_mistake_is_named(cli, write, arguments, words):
    answer = cli("data", "preview", write(), *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not list(Path().glob("*.png"))


def test_data_without_training_images_is_named(cli, folder):
    (folder / "config.yaml").write_text(
        "operation_mode: evaluation\nmodel: {model_path: config.yaml, model_name: resnet8}\n"
        "dataset: {dataset_name: custom, test_path: .}\n"
    )
    answer = cli("data", "preview", "config.yaml")
    assert answer.code not in (0, 1)
    assert "training" in answer.err


def test_folder_that_cannot_be_written_is_named(cli, write, folder):
    (folder / "file").write_text("")
    answer = cli("data", "preview", write(), "--output", "file/sheet.png", "--count", "1")
    assert answer.code not in (0, 1)
    assert "Cannot write file/sheet.png" in answer.err
    assert "--output" in answer.err


def test_function_of_the_users_own_is_refused(cli, write, folder):
    file = write()
    with Path(file).open("a") as stream:
        stream.write("custom_data_augmentation: {function_name: mine}\n")
    answer = cli("data", "preview", file)
    assert answer.code == 2
    assert "custom_data_augmentation" in answer.err
    assert "plugin" in answer.err
