"""Own where the splits come from that have no images of their own: held back, stood in for, or given apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from zoo_classification.data.prediction import calibration_images, prediction_images
from zoo_core.data.splits import split_indices, take_share
from zoo_core.protocols import (
    PREDICTION,
    QUANTIZATION,
    TEST,
    TRAIN,
    VALIDATION,
    DataRequest,
    ImageDataset,
)

VALIDATION_SHARE = 0.2
PATH_KEYS = {TRAIN: "training_path", VALIDATION: "validation_path", TEST: "test_path"}


class SplitSources:
    """Choose the images of such splits, and remember for every split where it comes from."""

    def __init__(self, section: Any, request: DataRequest, notes: Iterable[str] = ()) -> None:
        self._section = section
        self._request = request
        self.texts: dict[str, str] = {}
        """Split -> its source, for people."""
        self.notes = list(notes)

    def hold_back(self, labels: Sequence[Hashable]) -> tuple[list[int], list[int]]:
        """Divide the indices of the training images, whose source is known, into those that train and validate."""
        share = self._section.validation_split or VALIDATION_SHARE
        kept, held = split_indices(len(labels), share, self._request.seed, labels=labels)
        whole = self.texts[TRAIN]
        self.texts[TRAIN] = f"{100 * (1 - share):g} % of {whole}"
        self.texts[VALIDATION] = f"{100 * share:g} % of {whole}"
        return kept, held

    def note_idle_share(self, place: str) -> None:
        """Say that no share is held back where validation images are given."""
        if self._section.validation_split is not None:
            self.notes.append(f"dataset.validation_split has no effect beside {place}.")

    def stand_in(self, validation: ImageDataset | None) -> ImageDataset | None:
        """Return the validation images as the test set of a data set that has no other."""
        if validation is not None:
            self.texts[TEST] = f"the validation set: {self.texts[VALIDATION]}"
            self.notes.append("No test set is given; the validation set stands in for it.")
        return validation

    def quantization(self, train: ImageDataset | None) -> ImageDataset | None:
        """Return the images that calibrate: those of `quantization_path`, else training images, or a share of them.

        Raises:
            DataError: When `quantization_path` holds no images.
        """
        if QUANTIZATION not in self._request.splits:
            return None
        images, source = train, "the training set"
        if self._section.quantization_path is not None:
            images, source = calibration_images(self._section.quantization_path), "dataset.quantization_path"
        if images is None:
            return None
        share = self._section.quantization_split
        self.texts[QUANTIZATION] = source if share is None else f"{100 * share:g} % of {source}"
        return take_share(images, share, self._request.quantization_seed, stratify=True)

    def prediction(self, otherwise: ImageDataset | None = None) -> ImageDataset | None:
        """Return the images of `prediction_path`, else the test images where they may be predicted.

        Raises:
            DataError: When `prediction_path` holds no images.
        """
        if PREDICTION not in self._request.splits:
            return None
        if self._section.prediction_path is not None:
            self.texts[PREDICTION] = "dataset.prediction_path"
            return prediction_images(self._section.prediction_path)
        if otherwise is not None:
            self.texts[PREDICTION] = "the test set"
        return otherwise
