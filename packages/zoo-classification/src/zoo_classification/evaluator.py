"""Own the metrics of image classification: top-1, top-5, and precision, recall and F1 of every class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_classification.confusion import write_confusion_csv, write_confusion_png, write_per_class_csv
from zoo_classification.decoder import TOP, as_scores
from zoo_core.charts import Drawing, confusion_table
from zoo_core.results import MetricValue

PERCENT = 100.0


class ClassificationEvaluator:
    """Count right and wrong answers in a confusion matrix; of a single image, one byte is kept.

    An image counts as right among the k best when fewer than k classes score higher, or as high and stand
    earlier in the list. An output that is not a number is never right.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = tuple(class_names)
        count = len(self.class_names)
        self._confusion: npt.NDArray[np.int64] = np.zeros((count, count), dtype=np.int64)
        self._in_top = 0
        self._right: list[npt.NDArray[np.bool_]] = []

    def update(self, outputs: Sequence[npt.NDArray[np.float32]], targets: Any) -> None:
        """Take logits or probabilities of shape (N, K) and class indices of shape (N,).

        Raises:
            UserError: When the model has another number of classes.
        """
        scores = as_scores(outputs, len(self.class_names))
        labels = np.asarray(targets).astype(np.int64).reshape(-1)
        valid = np.isfinite(scores).all(axis=1)
        ranks = np.where(valid, _ranks(scores, labels), len(self.class_names))
        answers = np.where(valid, np.nan_to_num(scores).argmax(axis=1), (labels + 1) % len(self.class_names))
        np.add.at(self._confusion, (labels, answers), 1)
        self._in_top += int(np.count_nonzero(ranks < TOP))
        self._right.append(answers == labels)

    def state(self) -> dict[str, Any]:
        """Return the counts, and which images were answered rightly."""
        return {"confusion": self._confusion.copy(), "in_top": self._in_top, "right": list(self._right)}

    def merge(self, states: Sequence[Any]) -> None:
        """Replace the counts by the sum of several."""
        self._confusion = np.sum([state["confusion"] for state in states], axis=0, dtype=np.int64)
        self._in_top = sum(state["in_top"] for state in states)
        self._right = [part for state in states for part in state["right"]]

    @property
    def confusion(self) -> npt.NDArray[np.int64]:
        """Return the matrix of shape (K, K): row = true class, column = answer."""
        return self._confusion.copy()

    def compute(self) -> tuple[MetricValue, ...]:
        """Return accuracy and averages over classes in percent; classes without images do not count."""
        images = int(self._confusion.sum())
        right = int(np.trace(self._confusion))
        present = [row for row in self.per_class() if row["support"]]
        averages = {
            f"macro_{key}": float(np.mean([row[key] for row in present])) if present else 0.0
            for key in ("precision", "recall", "f1")
        }
        values = {
            "top1": PERCENT * right / images if images else 0.0,
            "top5": PERCENT * self._in_top / images if images else 0.0,
            **averages,
        }
        return tuple(MetricValue(name=name, value=value, unit="%") for name, value in values.items())

    def per_class(self) -> tuple[Mapping[str, Any], ...]:
        """Return precision, recall and F1 in percent and the number of images of each class."""
        hits = np.diag(self._confusion).astype(np.float64)
        precision = _ratio(hits, self._confusion.sum(axis=0))
        support = self._confusion.sum(axis=1)
        recall = _ratio(hits, support)
        f1 = _ratio(2 * precision * recall, precision + recall)
        return tuple(
            {
                "class": name,
                "precision": PERCENT * float(precision[index]),
                "recall": PERCENT * float(recall[index]),
                "f1": PERCENT * float(f1[index]),
                "support": int(support[index]),
            }
            for index, name in enumerate(self.class_names)
        )

    def right_images(self) -> tuple[bool, ...]:
        """Tell of each image whether the best class is the true one."""
        return tuple(right for part in self._right for right in part.tolist())

    def image_scores(self) -> tuple[float, ...]:
        """Return 1 for each image whose best class is the true one, and 0 for the others."""
        return tuple(map(float, self.right_images()))

    def drawings(self) -> tuple[Drawing, ...]:
        """Return the confusion matrix, of 40 classes at most."""
        counts = self._confusion.tolist()
        return (confusion_table("Confusion matrix", self.class_names, counts, column_label="predicted class"),)

    def write(self, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write `<stem>_confusion_matrix.csv`, the same as `.png`, and `<stem>_per_class.csv`."""
        directory.mkdir(parents=True, exist_ok=True)
        return (
            write_confusion_csv(directory / f"{stem}_confusion_matrix.csv", self._confusion, self.class_names),
            write_confusion_png(directory / f"{stem}_confusion_matrix.png", self._confusion, self.class_names),
            write_per_class_csv(directory / f"{stem}_per_class.csv", self.per_class()),
        )


def _ranks(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many classes stand before the true one, shape (N,)."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1])[None, :] < labels[:, None]
    before: npt.NDArray[np.int64] = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return before


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Divide element by element; nothing by nothing is 0."""
    result: npt.NDArray[np.float64] = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return result
