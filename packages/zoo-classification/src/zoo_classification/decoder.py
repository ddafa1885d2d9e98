"""Own the reading of a classifier's outputs: label, score, runners-up, and the picture that shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import UserError

TOP = 5
SUM_TOLERANCE = 1e-3
SMALLEST_SIDE = 256
"""Pixels to which smaller images are enlarged before something is written on them."""
PADDING = 4
_ANY_TO_RGB = ImagePreprocessing(input=InputSpec(3, 1, 1))
"""Reads the colours of a file as every service does, 16-bit images included."""


class ClassificationDecoder:
    """Turn logits or probabilities of shape (N, K) into one record per image."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = tuple(class_names)

    def decode(
        self, outputs: Sequence[npt.NDArray[np.float32]], sizes: Sequence[tuple[int, int]]
    ) -> list[dict[str, Any]]:
        """Return label, index, score in [0, 1] and the five best classes of each image.

        Raises:
            UserError: When the model has another number of classes.
        """
        probabilities = to_probabilities(as_scores(outputs, len(self.class_names)))
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
        return [self._record(row, best, size) for row, best, size in zip(probabilities, order, sizes, strict=True)]

    def _record(
        self, row: npt.NDArray[np.float64], best: npt.NDArray[np.intp], size: tuple[int, int]
    ) -> dict[str, Any]:
        top = [{"label": self.class_names[index], "score": round(float(row[index]), 6)} for index in best]
        return {
            "label": top[0]["label"],
            "class_index": int(best[0]),
            "score": top[0]["score"],
            "top5": top,
            "width": size[0],
            "height": size[1],
        }

    def draw(self, image: Image.Image, record: Mapping[str, Any]) -> Image.Image:
        """Return a copy of the image with label and score on a bar below it; small images are enlarged."""
        picture = _ANY_TO_RGB.convert(image)
        factor = max(1, -(-SMALLEST_SIDE // max(picture.size)))
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        text = f"{record['label']}  {100 * record['score']:.1f} %"
        font = ImageFont.load_default(size=max(12, min(picture.size) // 16))
        left, top, right, bottom = font.getbbox(text)
        width, height = int(right - left), int(bottom - top)
        canvas = Image.new("RGB", (max(picture.width, width + 2 * PADDING), picture.height + height + 2 * PADDING))
        canvas.paste(picture, (0, 0))
        ImageDraw.Draw(canvas).text((PADDING - left, picture.height + PADDING - top), text, fill="white", font=font)
        return canvas

    def sentence(self, record: Mapping[str, Any], target: int) -> str:
        """Return the answer and what is true in words."""
        answer = f"predicted {record['label']} ({100 * record['score']:.0f} %)"
        return f"{answer}, which is right" if record["class_index"] == target else f"{answer}, is {self._name(target)}"

    def _name(self, index: int) -> str:
        return self.class_names[index] if 0 <= index < len(self.class_names) else f"class {index}"

    def describe(self) -> dict[str, Any]:
        """Return the description of the outputs for an exported model."""
        return {"type": "classification", "output": "logits", "activation": "softmax", "top": TOP}


def as_scores(outputs: Sequence[npt.NDArray[np.float32]], classes: int) -> npt.NDArray[np.float64]:
    """Return the first output as an array of shape (N, K).

    Raises:
        UserError: When the model has another number of classes than the data.
    """
    scores = np.asarray(outputs[0], dtype=np.float64)
    scores = scores.reshape(len(scores), -1)
    if scores.shape[1] != classes:
        raise UserError(
            f"The model has {scores.shape[1]} outputs and there are {classes} classes.",
            hint="Give the data set the model was trained for, or dataset.class_names with one name per output.",
        )
    return scores


def to_probabilities(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return probabilities of shape (N, K): softmax, unless every row is a distribution already."""
    if np.all(scores >= 0) and np.allclose(scores.sum(axis=1), 1.0, atol=SUM_TOLERANCE):
        return scores
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result
