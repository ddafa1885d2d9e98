"""Own a data set in IDX files: which file holds what, and that images and labels belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_classification.data.idx import IMAGES, LABELS, read_idx
from zoo_classification.data.official_format import refuse_absent
from zoo_classification.data.pixels import PixelFile, PixelImages, Pixels
from zoo_core.data.splits import Subset
from zoo_core.errors import DataError
from zoo_core.protocols import ImageDataset

DIMENSIONS = {"images": IMAGES, "labels": LABELS}
SEPARATORS = ("-", ".")
"""`train-images-idx3-ubyte` is the official name; unpacked copies are often called `train-images.idx3-ubyte`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxFiles:
    """Give the splits of a data set in IDX files."""

    title: str
    home: Path
    stems: Mapping[str, str]
    """Split -> beginning of its files' names."""
    names: tuple[str, ...]
    layout: str
    transposed: bool = False
    """Whether the images are stored column by column."""
    leaves_out: bool = False
    """Whether labels without a name are left out instead of refused."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits that have files."""
        return tuple(self.stems)

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return the images of a split with the classes of the run.

        Raises:
            DataError: When a file is absent or damaged, or labels and images differ in number.
        """
        images, labels = (idx_file(self.home, self.stems[split], kind) for kind in DIMENSIONS)
        refuse_absent(self.title, [path for path in (images, labels) if not path.is_file()], self.layout)
        file = PixelFile(images, partial(_open, transposed=self.transposed))
        found = np.array(read_idx(labels, LABELS))
        if len(found) != len(file.pixels):
            raise DataError(f"{labels} holds {len(found)} labels, and {images} {len(file.pixels)} images.")
        return label(file, found, places, labels, leaves_out=self.leaves_out)


def idx_file(home: Path, stem: str, kind: str) -> Path:
    """Return the file of `images` or `labels`, unpacked where there are both; the official name when there is none."""
    names = [f"{stem}-{kind}{mark}idx{DIMENSIONS[kind]}-ubyte" for mark in SEPARATORS]
    candidates = [home / f"{name}{suffix}" for suffix in ("", ".gz") for name in names]
    return next((path for path in candidates if path.is_file()), candidates[0])


def present(home: Path, stems: Mapping[str, str]) -> Iterator[bool]:
    """Tell of each file of a data set whether it is there."""
    for stem in stems.values():
        for kind in DIMENSIONS:
            yield idx_file(home, stem, kind).is_file()


def label(
    file: PixelFile, labels: npt.NDArray[Any], places: Sequence[int], path: Path, *, leaves_out: bool
) -> ImageDataset:
    """Return the images of a file with the index of their class in the run.

    Raises:
        DataError: When a label stands for no class and is not to be left out.
    """
    highest = int(labels.max())
    if highest >= len(places) and not leaves_out:
        raise DataError(f"{path} holds the label {highest}; the highest of {len(places)} classes is {len(places) - 1}.")
    table = np.array([*places, *[0] * (highest + 1 - len(places))])
    images = PixelImages([file], [table[labels].tolist()])
    known = labels < len(places)
    return images if known.all() else Subset(images, np.flatnonzero(known).tolist())


def _open(path: Path, *, transposed: bool) -> Pixels:
    pixels = read_idx(path, IMAGES)
    return pixels.transpose(0, 2, 1) if transposed else pixels
