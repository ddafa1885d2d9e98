"""Own Oxford Flowers 102 as it is distributed: one folder of images, labels and splits in Matlab files.

M.-E. Nilsback, A. Zisserman, "Automated flower classification over a large number of classes", ICVGIP 2008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from zoo_classification.data.class_lists import FLOWERS102
from zoo_classification.data.image_files import ImageFiles, refuse_absent_images
from zoo_classification.data.official import divide
from zoo_classification.data.official_format import OfficialFormat, refuse_absent
from zoo_core.data.fetch import RemoteFile
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, TRAIN, VALIDATION, DataRequest, ImageDataset, SplitDatasets

LABELS, IDS, IMAGES = "imagelabels.mat", "setid.mat", "jpg"
ID_KEYS = {TRAIN: "trnid", VALIDATION: "valid", TEST: "tstid"}
LAYOUT = """
data_dir/
└── flowers-102/
    ├── jpg/
    │   ├── image_00001.jpg
    │   └── ...
    ├── imagelabels.mat
    └── setid.mat
"""
URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102"


@dataclass(frozen=True, slots=True)
class FlowerFiles:
    """Give the splits that `setid.mat` defines."""

    home: Path

    @property
    def names(self) -> tuple[str, ...]:
        """Return the flower of each label."""
        return FLOWERS102

    @property
    def splits(self) -> tuple[str, ...]:
        """Return training, validation and test."""
        return tuple(ID_KEYS)

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return the images of a split with the classes of the run.

        Raises:
            DataError: When files are absent or damaged.
        """
        absent = [self.home / name for name in (LABELS, IDS, IMAGES) if not (self.home / name).exists()]
        refuse_absent("Flowers102", absent, LAYOUT)
        labels = _numbers(self.home / LABELS, "labels", len(FLOWERS102))
        ids = _numbers(self.home / IDS, ID_KEYS[split], len(labels))
        names = [f"image_{number:05d}.jpg" for number in ids]
        refuse_absent_images(self.home / IMAGES, names, "102flowers.tgz")
        return ImageFiles(
            [self.home / IMAGES / name for name in names], [places[labels[number - 1] - 1] for number in ids]
        )


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide Flowers 102; its own validation split chooses the best weights.

    Raises:
        DataError: When its files are absent or damaged.
    """
    return divide(FLOWERS, section, request)


def _numbers(path: Path, key: str, highest: int) -> npt.NDArray[np.int64]:
    """Return the numbers of a Matlab file, which count from 1."""
    try:
        numbers = np.asarray(loadmat(path, variable_names=(key,))[key]).ravel()
    except Exception as error:  # the reader may raise anything on damaged bytes
        raise DataError(
            f'{path} cannot be read as a Matlab file with "{key}": {type(error).__name__} {error}.',
            hint="Fetch the file again.",
        ) from error
    if not np.issubdtype(numbers.dtype, np.integer) or not len(numbers):
        raise DataError(f'{path}: "{key}" holds no whole numbers.')
    if numbers.min() < 1 or numbers.max() > highest:
        found = f"{numbers.min()} to {numbers.max()}"
        raise DataError(f'{path}: "{key}" holds numbers from {found}, expected 1 to {highest}.')
    return numbers.astype(np.int64)


def _complete(home: Path) -> bool:
    return all((home / name).exists() for name in (LABELS, IDS, IMAGES))


FLOWERS = OfficialFormat(
    title="Flowers102",
    layout=LAYOUT,
    folders=("flowers-102", "flower-102", "flowers102"),
    present=lambda home: any((home / name).is_file() for name in (LABELS, IDS)),
    complete=_complete,
    open=lambda home, section: FlowerFiles(home),
    downloads=(
        RemoteFile(
            url=f"{URL}/102flowers.tgz",
            sha256="2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
            into="flowers-102",
        ),
        RemoteFile(
            url=f"{URL}/{LABELS}",
            sha256="4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
            into="flowers-102",
        ),
        RemoteFile(
            url=f"{URL}/{IDS}",
            sha256="46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
            into="flowers-102",
        ),
    ),
)
