"""Own Food-101 as it is distributed: one folder per class, and lists that name the images of each split.

L. Bossard, M. Guillaumin, L. Van Gool, "Food-101: mining discriminative components with random forests", ECCV 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_classification.data.image_files import ImageFiles, refuse_absent_images
from zoo_classification.data.official import divide
from zoo_classification.data.official_format import OfficialFormat, refuse_absent
from zoo_core.data.fetch import RemoteFile
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_core.protocols import TEST, TRAIN, DataRequest, ImageDataset, SplitDatasets

IMAGES, CLASSES = "images", "meta/classes.txt"
LISTS = {TRAIN: "meta/train.txt", TEST: "meta/test.txt"}
SUFFIX = ".jpg"
LAYOUT = """
data_dir/
└── food-101/
    ├── images/
    │   ├── apple_pie/
    │   │   ├── 1005649.jpg
    │   │   └── ...
    │   └── ...
    └── meta/
        ├── classes.txt
        ├── train.txt
        └── test.txt
"""


@dataclass(frozen=True, slots=True)
class FoodFiles:
    """Give the splits that the lists in `meta` define."""

    home: Path
    names: tuple[str, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Return training and test."""
        return tuple(LISTS)

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return the images of a split with the classes of the run.

        Raises:
            DataError: When files are absent, or a list names a class that does not exist.
        """
        absent = [self.home / name for name in (LISTS[split], IMAGES) if not (self.home / name).exists()]
        refuse_absent("Food-101", absent, LAYOUT)
        path = self.home / LISTS[split]
        index = dict(zip(self.names, places, strict=True))
        entries = [_parts(path, line) for line in _lines(path)]
        unknown = sorted({name for name, _ in entries} - set(index))
        if unknown:
            raise DataError(f"{path} names classes that are not in {CLASSES}: {shorten(unknown)}.")
        names = [f"{name}/{image}{SUFFIX}" for name, image in entries]
        refuse_absent_images(self.home / IMAGES, names, "food-101.tar.gz")
        return ImageFiles([self.home / IMAGES / name for name in names], [index[name] for name, _ in entries])


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide Food-101; its authors give no validation split, so a share of the training images is set aside.

    Raises:
        DataError: When its files are absent or contradict each other.
    """
    return divide(FOOD, section, request)


def _open(home: Path, section: Any) -> FoodFiles:
    refuse_absent("Food-101", [path for path in [home / CLASSES] if not path.is_file()], LAYOUT)
    return FoodFiles(home, tuple(_lines(home / CLASSES)))


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.") from error
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise DataError(f"{path} is empty.")
    return found


def _parts(path: Path, line: str) -> tuple[str, str]:
    """Return class and number of a line such as `apple_pie/1005649`."""
    name, slash, image = line.partition("/")
    if not (name and slash and image) or "/" in image or ".." in (name, image):
        raise DataError(f'{path}: "{line}" is not of the form class/image.')
    return name, image


def _complete(home: Path) -> bool:
    return all((home / name).exists() for name in (IMAGES, CLASSES, *LISTS.values()))


FOOD = OfficialFormat(
    title="Food-101",
    layout=LAYOUT,
    folders=("food-101", "food101"),
    present=lambda home: any((home / name).is_file() for name in (CLASSES, *LISTS.values())),
    complete=_complete,
    open=_open,
    downloads=(
        RemoteFile(
            url="http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
            sha256="d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4",
        ),
    ),
)
