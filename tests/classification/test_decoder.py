"""Labels, scores and pictures of predictions."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_classification.decoder import ClassificationDecoder
from zoo_core.errors import UserError

NAMES = ("cat", "dog", "bird", "fish", "newt", "toad")


def test_scores_are_the_softmax_of_torch():
    logits = np.random.default_rng(1).normal(scale=4, size=(3, 6)).astype(np.float32)
    records = ClassificationDecoder(NAMES).decode([logits], [(4, 5)] * 3)
    wanted = torch.softmax(torch.from_numpy(logits), dim=1)
    for record, row in zip(records, wanted, strict=True):
        best = int(row.argmax())
        assert (record["label"], record["class_index"]) == (NAMES[best], best)
        assert record["score"] == pytest.approx(float(row[best]), abs=1e-5)
        assert [entry["label"] for entry in record["top5"]] == [NAMES[index] for index in row.topk(5).indices]
        assert (record["width"], record["height"]) == (4, 5)
    json.dumps(records)


def test_probabilities_are_taken_as_they_are():
    row = np.array([[0.7, 0.1, 0.05, 0.05, 0.05, 0.05]], np.float32)
    assert ClassificationDecoder(NAMES).decode([row], [(1, 1)])[0]["score"] == pytest.approx(0.7)


def test_very_large_logits_do_not_overflow():
    record = ClassificationDecoder(NAMES[:2]).decode([np.array([[1e4, -1e4]], np.float32)], [(1, 1)])[0]
    assert (record["label"], record["score"]) == ("cat", 1.0)


def test_outputs_with_trailing_axes_are_read():
    logits = np.zeros((1, 6, 1, 1), np.float32)
    logits[0, 3] = 9
    assert ClassificationDecoder(NAMES).decode([logits], [(1, 1)])[0]["label"] == "fish"


def test_two_classes_have_two_candidates():
    assert len(ClassificationDecoder(NAMES[:2]).decode([np.zeros((1, 2), np.float32)], [(1, 1)])[0]["top5"]) == 2


def test_other_number_of_outputs_is_named():
    with pytest.raises(UserError, match="1000 outputs and there are 6 classes"):
        ClassificationDecoder(NAMES).decode([np.zeros((1, 1000), np.float32)], [(1, 1)])


@pytest.mark.parametrize(("mode", "size"), [("L", (8, 8)), ("RGB", (640, 400)), ("RGBA", (30, 90)), ("P", (300, 300))])
def test_drawing_leaves_the_picture_and_adds_a_bar(mode, size):
    image = Image.new(mode, size, 77)
    before = image.tobytes()
    drawn = ClassificationDecoder(NAMES).draw(image, {"label": "newt", "score": 0.912})
    assert image.tobytes() == before
    assert drawn.mode == "RGB"
    assert max(drawn.size) >= 256
    bar = np.asarray(drawn)[-8:]
    assert bar.min() == 0 or bar.max() == 255


def test_sixteen_bit_images_keep_their_brightness():
    image = Image.fromarray(np.full((300, 300), 32768, np.uint16))
    drawn = ClassificationDecoder(NAMES).draw(image, {"label": "newt", "score": 0.5})
    assert drawn.getpixel((0, 0)) == (128, 128, 128)


def test_description_is_json():
    assert json.loads(json.dumps(ClassificationDecoder(NAMES).describe()))["type"] == "classification"
