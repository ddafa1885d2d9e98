"""Own the data set `digits`: the scans inside scikit-learn, divided the same way on every machine.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998: 1,797 grey images of 8x8 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from zoo_classification.data.class_lists import DIGITS
from zoo_classification.data.class_names import arrange
from zoo_classification.data.prediction import prediction_images
from zoo_core.data.splits import Subset, split_indices, take_share
from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.protocols import PREDICTION, DataRequest, ImageDataset, Sample, SplitDatasets

BRIGHTEST = 16
"""Value of a fully inked pixel in scikit-learn's scans."""
SIDE = 8
TABLE = "sklearn/datasets/data/digits.csv.gz"
"""Where scikit-learn keeps the scans: in each line the pixels of one and its label."""
TEST_SHARE = 0.2
TEST_SEED = 0
"""The test scans never depend on the user's seed, so that accuracies can be compared."""
VALIDATION_SHARE = 0.2
CLASSES = DIGITS


class DigitScans:
    """Give access to the scans as grey 8-bit images."""

    in_memory = True

    def __init__(self, places: Sequence[int] = range(len(CLASSES))) -> None:
        ink, labels = read_scans()
        self._pixels = np.rint(ink * (255 / BRIGHTEST)).astype(np.uint8)
        self.targets: Sequence[int] = [places[int(label)] for label in labels]

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self._pixels)

    def __getitem__(self, index: int) -> Sample:
        """Return one scan."""
        return Sample(Image.fromarray(self._pixels[index]), self.targets[index], self.name(index))

    def name(self, index: int) -> str:
        """Return the name of one scan."""
        return f"digits/{index:04d}"


def read_scans() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the scans, [N, 8, 8] with values up to 16, and their labels, [N].

    The file is read without importing scikit-learn, which would take longer than all the rest.
    """
    table = Path(str(distribution("scikit-learn").locate_file(TABLE)))
    if not table.is_file():
        from sklearn.datasets import load_digits

        found = load_digits()
        return found.images, found.target
    rows = np.loadtxt(table, delimiter=",")
    return rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1]


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide the scans: a fixed fifth for testing, a share of the others for validation, the rest for training.

    Raises:
        DataError: When class names are given and are not ten.
    """
    names = stated_classes(section) or CLASSES
    if len(names) != len(CLASSES) or section.num_classes not in (None, len(CLASSES)):
        count = section.num_classes if len(names) == len(CLASSES) else len(names)
        raise DataError(f"The digits are {len(CLASSES)} classes, dataset states {count}.", hint="Remove the key.")
    classes = arrange(names, CLASSES, "digits")
    scans = DigitScans(classes.places)
    others, tested = split_indices(len(scans), TEST_SHARE, TEST_SEED, labels=scans.targets)
    share = section.validation_split or VALIDATION_SHARE
    labels = [scans.targets[index] for index in others]
    kept, held = split_indices(len(others), share, request.seed, labels=labels)
    train = Subset(scans, [others[index] for index in kept])
    test = Subset(scans, tested)
    predicted: ImageDataset | None = None
    if PREDICTION in request.splits:
        predicted = test if section.prediction_path is None else prediction_images(section.prediction_path)
    return SplitDatasets(
        class_names=classes.names,
        train=train,
        validation=Subset(scans, [others[index] for index in held]),
        test=test,
        quantization=take_share(train, section.quantization_split, request.quantization_seed, stratify=True),
        prediction=predicted,
        sources={
            "train": f"{len(train)} scans",
            "validation": f"{len(held)} scans",
            "test": f"{len(test)} scans, the same for every seed",
            "quantization": "training scans",
            "prediction": "prediction_path" if section.prediction_path is not None else "test scans",
        },
    )
