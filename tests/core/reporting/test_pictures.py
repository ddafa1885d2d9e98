"""The pictures of a training show the numbers of its table, each curve in its colour."""

import csv

import numpy as np
import pytest
from PIL import Image

from zoo_core.reporting.rate_picture import draw_rates
from zoo_core.reporting.training_curves import curve, draw_training_curves, shown_metric

BLUE, ORANGE = (31, 119, 180), (255, 127, 14)


@pytest.fixture
def table(tmp_path):
    def write(*columns, rows=5):
        path = tmp_path / "summary.csv"
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["epoch", *columns])
            writer.writerows(
                [epoch, *(epoch + number for number in range(len(columns)))] for epoch in range(1, rows + 1)
            )
        return path

    return write


def pixels(path, colour):
    """Count the pixels of a colour in the left and the right half of a picture."""
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    same = (abs(image - np.array(colour)).max(axis=2) < 12).astype(int)
    middle = same.shape[1] // 2
    return same[:, :middle].sum(), same[:, middle:].sum()


def test_loss_on_the_left_and_metric_on_the_right_for_both_sets(table, tmp_path):
    draw_training_curves(
        table("train_loss", "train_top1", "val_loss", "val_top1"), tmp_path / "a.png", monitor="top1", best_epoch=3
    )
    assert min(*pixels(tmp_path / "a.png", BLUE), *pixels(tmp_path / "a.png", ORANGE)) > 100


def test_a_metric_that_is_not_measured_in_training_has_one_curve(table, tmp_path):
    draw_training_curves(table("train_loss", "val_loss", "val_top1"), tmp_path / "a.png", monitor="top1", best_epoch=3)
    left, right = pixels(tmp_path / "a.png", BLUE)
    assert left > 100
    assert right == 0
    assert pixels(tmp_path / "a.png", ORANGE)[1] > 100


def test_the_loss_alone_has_one_panel(table, tmp_path):
    draw_training_curves(table("train_loss", "val_loss"), tmp_path / "a.png", monitor="loss", best_epoch=1)
    assert sum(pixels(tmp_path / "a.png", ORANGE)) > 100


@pytest.mark.parametrize(
    ("monitor", "columns", "expected"),
    [
        ("top5", ["val_loss", "val_top1", "val_top5"], "top5"),
        ("loss", ["val_loss", "val_top1"], "top1"),
        ("train_loss", ["train_loss", "val_loss", "val_top1"], "top1"),
        ("loss", ["val_loss"], None),
    ],
)
def test_the_metric_beside_the_loss(monitor, columns, expected):
    assert shown_metric([dict.fromkeys(columns, "1")], monitor) == expected


def test_epochs_without_a_value_are_left_out():
    rows = [{"epoch": "1", "x": "2.5"}, {"epoch": "2", "x": ""}, {"epoch": "3", "x": "1.5"}]
    assert curve(rows, "x") == ([1.0, 3.0], [2.5, 1.5])
    assert curve(rows, "y") == ([], [])


@pytest.mark.parametrize("steps", [True, False])
def test_rates_hold_until_the_next_one_or_change_between(tmp_path, steps):
    """From 1 down to 0 over half of the training, then 0: as steps the upper half is blue longer."""
    draw_rates(tmp_path / "a.png", [0.0, 2.0], [1.0, 0.0], length=4, title="x", steps=steps)
    image = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    blue = abs(image - np.array(BLUE)).max(axis=2) < 12
    columns = blue[: image.shape[0] // 3].any(axis=0).sum()
    assert columns > 300 if steps else columns < 200
