"""`zoo run` with a model that finds several persons: it learns, and its int8 model says the same as the float one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

SIDE = 64
POINTS = np.array([[0.5, 0.1], [0.1, 0.5], [0.9, 0.5], [0.3, 0.9], [0.7, 0.9]])
"""Head, hands and feet of a figure, in shares of its box."""
TEXT = """\
operation_mode: chain_tqe
general: {seed: 7, num_threads: 1}
model: {model_name: st_yolodv2pico_pose_pt, pretrained: False, input_shape: [3, 64, 64]}
dataset:
  format: yolo
  keypoints: 5
  training_path: FIGURES
  validation_path: FIGURES
  workers: 0
preprocessing: {rescaling: {scale: 1/127.5, offset: -1}}
data_augmentation: {random_flip: {mode: horizontal}}
training:
  epochs: EPOCHS
  validation_epochs: EPOCHS
  batch_size: 8
  optimizer: {opt: adamw}
  lr_scheduler: {lr: 0.003, warmup_epochs: 1}
quantization: {quantizer: onnx_quantizer}
"""


def draw_figure(pen, box):
    left, top, side = box
    head, one, other, foot, second = POINTS * side + (left, top)
    middle = (left + side / 2, top + side * 0.55)
    for colour, end in zip(("red", "blue", "orange", "lime"), (one, other, foot, second), strict=True):
        pen.line([middle, tuple(end)], fill=colour, width=3)
    pen.line([middle, tuple(head)], fill="white", width=3)
    pen.ellipse([*(head - 3), *(head + 3)], fill="yellow")


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Two figures on each of 16 pictures, one in the left half and one in the right."""
    folder = tmp_path_factory.mktemp("figures")
    draws = np.random.default_rng(3)
    for number in range(16):
        picture = Image.new("RGB", (SIDE, SIDE), (40, 40, 60))
        pen = ImageDraw.Draw(picture)
        lines = []
        for start in (0, SIDE // 2):
            side = int(draws.integers(22, 30))
            left, top = start + draws.uniform(0, SIDE // 2 - side), draws.uniform(0, SIDE - side)
            draw_figure(pen, (left, top, side))
            points = (POINTS * side + (left, top)) / SIDE
            middle = [(left + side / 2) / SIDE, (top + side / 2) / SIDE, side / SIDE, side / SIDE]
            words = [*middle, *np.column_stack([points, np.full(5, 2)]).ravel()]
            lines.append("0 " + " ".join(f"{word:.5f}" for word in words))
        picture.save(folder / f"{number:03}.png")
        (folder / f"{number:03}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def text(figures):
    return lambda epochs: TEXT.replace("FIGURES", str(figures)).replace("EPOCHS", str(epochs))


@pytest.mark.slow
def test_a_chain_ends_with_one_answer_for_every_picture(zoo, text, figures):
    done = zoo(text(1))
    assert done.code == 0, done.text
    (model,) = (done.folder / "quantized_models").glob("*_pc.onnx")
    assert set(done.metrics(split="validation", model="int8")) >= {"map", "ap50", "ar", "oks"}
    found = zoo(
        f"operation_mode: prediction\nmodel: {{model_path: {model}}}\n"
        f"dataset: {{format: yolo, prediction_path: {figures}}}\npostprocessing: {{confidence_thresh: 0.0001}}\n",
        name="predicted",
    )
    assert found.code == 0, found.text
    (records,) = found.folder.rglob("predictions.json")
    assert len(json.loads(records.read_text())["predictions"]) == 16


@pytest.mark.slow
def test_it_learns_two_figures_on_every_picture(zoo, text):
    done = zoo(text(150))
    assert done.code == 0, done.text
    learned = done.metrics(split="validation")
    quantized = done.metrics(split="validation", model="int8")
    assert learned["ap50"] > 90
    assert learned["oks"] > 0.8
    assert abs(quantized["ap50"] - learned["ap50"]) < 3
