"""`zoo plot-lr` draws the learning rate and prints some of it, for files whose data are not there yet."""

import math
from pathlib import Path

import pytest
from PIL import Image

FILE = """\
operation_mode: training
model: {model_name: resnet8}
dataset: {dataset_name: custom, training_path: ./nowhere}
training:
  epochs: 40
  batch_size: 64
  lr_scheduler: {sched: cosine, lr: 0.1, warmup_epochs: 0}
"""


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "user_config.yaml"
    path.write_text(FILE)
    return path


def test_a_picture_and_some_values(cli, file: Path) -> None:
    answer = cli("plot-lr", str(file))
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].split() == ["EPOCH", "LEARNING", "RATE"]
    rows = {int(line.split()[0]): float(line.split()[1]) for line in lines[1:] if line[:5].strip().isdigit()}
    assert (len(rows), min(rows), max(rows)) == (12, 1, 40)
    expected = {epoch: 0.05 * (1 + math.cos(math.pi * (epoch - 1) / 40)) for epoch in rows}
    assert rows == pytest.approx(expected, rel=1e-5)
    assert lines[-1] == "The curve is in learning_rate.png"
    with Image.open("learning_rate.png") as picture:
        assert picture.format == "PNG"


def test_json_has_every_epoch(cli, file: Path) -> None:
    document = cli("plot-lr", str(file), "--json", "--output", "sub/lr.png", "training.epochs=3").document
    assert [rate["epoch"] for rate in document["rates"]] == [1, 2, 3]
    assert document["rates"][0]["lr"] == 0.1
    assert document["picture"] == str(file.parent / "sub/lr.png")
    assert Path("sub/lr.png").exists()


@pytest.mark.parametrize(
    "override", ["training.lr_scheduler.sched=plateau", "training.callbacks.ReduceLROnPlateau={patience: 3}"]
)
def test_plateau_cannot_be_drawn(cli, file: Path, override: str) -> None:
    answer = cli("plot-lr", str(file), override)
    assert answer.code == 2
    assert "cannot be drawn before the training" in answer.err
    assert not Path("learning_rate.png").exists()


def test_faults_of_the_training_section_are_told_and_no_others(cli, file: Path) -> None:
    answer = cli("plot-lr", str(file), "training.epoch=3", "training.lr_scheduler.decay_rate=0.5")
    assert answer.code == 2
    assert "training.epoch  command line" in answer.err
    assert "nowhere" not in answer.err


def test_a_file_without_training_is_told(cli, file: Path) -> None:
    file.write_text(FILE.partition("training:\n")[0])
    answer = cli("plot-lr", str(file))
    assert answer.code == 2
    assert "training" in answer.err
    assert "the section is missing" in answer.err
