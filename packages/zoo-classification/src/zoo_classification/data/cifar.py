"""Own CIFAR-10 and CIFAR-100 in their official batches.

A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo_classification.data.cifar_batches import BatchFormat, BinaryBatches, LabelKind, PythonBatches
from zoo_classification.data.class_lists import CIFAR10 as CIFAR10_NAMES
from zoo_classification.data.class_lists import CIFAR100_COARSE, CIFAR100_FINE
from zoo_classification.data.official import divide
from zoo_classification.data.official_format import OfficialFormat, refuse_absent
from zoo_classification.data.pixels import PixelImages
from zoo_core.data.fetch import RemoteFile
from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, TRAIN, DataRequest, ImageDataset, SplitDatasets

FINE, COARSE = "fine", "coarse"
LAYOUT_10 = """
data_dir/
└── cifar-10-batches-py/           or cifar-10-batches-bin/
    ├── data_batch_1                   ├── data_batch_1.bin
    ├── ...                            ├── ...
    ├── data_batch_5                   ├── data_batch_5.bin
    └── test_batch                     └── test_batch.bin
"""
LAYOUT_100 = """
data_dir/
└── cifar-100-python/              or cifar-100-binary/
    ├── train                          ├── train.bin
    └── test                           └── test.bin
"""
BATCHES_10 = {TRAIN: tuple(f"data_batch_{number}" for number in range(1, 6)), TEST: ("test_batch",)}
BATCHES_100 = {TRAIN: ("train",), TEST: ("test",)}
URL = "https://www.cs.toronto.edu/~kriz"

LABEL_10 = LabelKind(keys=("labels",), position=0, record_labels=1, names=CIFAR10_NAMES)
LABELS_100 = {
    FINE: LabelKind(keys=("fine_labels",), position=1, record_labels=2, names=CIFAR100_FINE),
    COARSE: LabelKind(keys=("coarse_labels",), position=0, record_labels=2, names=CIFAR100_COARSE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CifarFiles:
    """Give the splits of a CIFAR data set."""

    title: str
    home: Path
    batches: Mapping[str, tuple[str, ...]]
    """Split -> its batch files, without the ending of the binary version."""
    kind: LabelKind
    layout: str

    @property
    def names(self) -> tuple[str, ...]:
        """Return the class of each label."""
        return self.kind.names

    @property
    def splits(self) -> tuple[str, ...]:
        """Return training and test."""
        return tuple(self.batches)

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return the images of a split with the classes of the run.

        Raises:
            DataError: When a batch is absent or damaged.
        """
        reader = _format_in(self.home, self.batches)
        paths = [self.home / f"{name}{reader.suffix}" for name in self.batches[split]]
        refuse_absent(self.title, [path for path in paths if not path.is_file()], self.layout)
        files, targets = [], []
        for path in paths:
            file, labels = reader.read(path, self.kind)
            wrong = labels[(labels < 0) | (labels >= len(places))]
            if len(wrong):
                raise DataError(f"{path} holds the label {wrong[0]}; the highest is {len(places) - 1}.")
            files.append(file)
            targets.append(np.array(places)[labels].tolist())
        return PixelImages(files, targets)


def build_cifar10(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide CIFAR-10.

    Raises:
        DataError: When its batches are absent or damaged.
    """
    return divide(CIFAR10, section, request)


def build_cifar100(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide CIFAR-100, with the labels that `label_mode` names, else those that fit the number of classes.

    Raises:
        DataError: When its batches are absent or damaged.
    """
    return divide(CIFAR100, section, request)


def _open_10(home: Path, section: Any) -> CifarFiles:
    return CifarFiles(title="CIFAR-10", home=home, batches=BATCHES_10, kind=LABEL_10, layout=LAYOUT_10)


def _open_100(home: Path, section: Any) -> CifarFiles:
    stated = section.num_classes or len(stated_classes(section))
    mode = section.label_mode or (COARSE if stated == len(CIFAR100_COARSE) else FINE)
    return CifarFiles(title="CIFAR-100", home=home, batches=BATCHES_100, kind=LABELS_100[mode], layout=LAYOUT_100)


def _present(home: Path, batches: Mapping[str, tuple[str, ...]], suffix: str) -> list[bool]:
    return [(home / f"{name}{suffix}").is_file() for names in batches.values() for name in names]


def _format_in(home: Path, batches: Mapping[str, tuple[str, ...]]) -> BatchFormat:
    return PythonBatches() if any(_present(home, batches, PythonBatches.suffix)) else BinaryBatches()


def _any(home: Path, batches: Mapping[str, tuple[str, ...]]) -> bool:
    return any(any(_present(home, batches, reader.suffix)) for reader in (PythonBatches, BinaryBatches))


def _all(home: Path, batches: Mapping[str, tuple[str, ...]]) -> bool:
    return any(all(_present(home, batches, reader.suffix)) for reader in (PythonBatches, BinaryBatches))


CIFAR10 = OfficialFormat(
    title="CIFAR-10",
    layout=LAYOUT_10,
    folders=("cifar-10-batches-py", "cifar-10-batches-bin"),
    present=partial(_any, batches=BATCHES_10),
    complete=partial(_all, batches=BATCHES_10),
    open=_open_10,
    downloads=(
        RemoteFile(
            url=f"{URL}/cifar-10-python.tar.gz",
            sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ),
    ),
)
CIFAR100 = OfficialFormat(
    title="CIFAR-100",
    layout=LAYOUT_100,
    folders=("cifar-100-python", "cifar-100-binary"),
    present=partial(_any, batches=BATCHES_100),
    complete=partial(_all, batches=BATCHES_100),
    open=_open_100,
    downloads=(
        RemoteFile(
            url=f"{URL}/cifar-100-python.tar.gz",
            sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        ),
    ),
)
