"""Own EMNIST by class: handwritten digits and letters, in IDX files or in the Matlab file that ST's services read.

G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters",
arXiv:1702.05373, 2017. Both forms store the images column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scipy.io import loadmat

from zoo_classification.data.class_lists import CHARACTERS
from zoo_classification.data.idx_files import IdxFiles, label, present
from zoo_classification.data.official import divide
from zoo_classification.data.official_format import OfficialFiles, OfficialFormat
from zoo_classification.data.pixels import PixelFile, Pixels
from zoo_core.data.fetch import RemoteFile
from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.protocols import TEST, TRAIN, DataRequest, ImageDataset, SplitDatasets

STEMS = {TRAIN: "emnist-byclass-train", TEST: "emnist-byclass-test"}
MATLAB = "emnist-byclass.mat"
WITHOUT_SMALL = 36
"""Number of classes when small letters are left out, as ST does."""
LAYOUT = """
data_dir/                          (or emnist/ or gzip/ below it)
├── emnist-byclass-train-images-idx3-ubyte[.gz]
├── emnist-byclass-train-labels-idx1-ubyte[.gz]
├── emnist-byclass-test-images-idx3-ubyte[.gz]
└── emnist-byclass-test-labels-idx1-ubyte[.gz]
or the one file emnist-byclass.mat
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatlabFile:
    """Give the splits of the Matlab file, which is read into memory as a whole."""

    path: Path
    names: tuple[str, ...]
    splits: tuple[str, ...] = (TRAIN, TEST)

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return the images of a split with the classes of the run.

        Raises:
            DataError: When the file is damaged or of another kind.
        """
        pixels, labels = _read_part(self.path, split)
        file = PixelFile(self.path, partial(_open_part, split=split), pixels)
        return label(file, labels, places, self.path, leaves_out=len(self.names) == WITHOUT_SMALL)


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide EMNIST by class.

    Raises:
        DataError: When its files are absent or damaged.
    """
    return divide(EMNIST, section, request)


def _open(home: Path, section: Any) -> OfficialFiles:
    stated = section.num_classes or len(stated_classes(section))
    names = CHARACTERS[:WITHOUT_SMALL] if stated == WITHOUT_SMALL else CHARACTERS
    if not any(present(home, STEMS)):
        return MatlabFile(path=home / MATLAB, names=names)
    return IdxFiles(
        title="EMNIST",
        home=home,
        stems=STEMS,
        names=names,
        layout=LAYOUT,
        transposed=True,
        leaves_out=stated == WITHOUT_SMALL,
    )


def _open_part(path: Path, *, split: str) -> Pixels:
    return _read_part(path, split)[0]


def _read_part(path: Path, split: str) -> tuple[Pixels, Any]:
    """Return the images of a split, shape (N, H, W), and its labels, shape (N,)."""
    try:
        part = loadmat(path, variable_names=("dataset",))["dataset"][0, 0][split][0, 0]
        images, labels = part["images"], part["labels"].ravel()
        side = round(images.shape[1] ** 0.5)
        # The file holds columns: read in Matlab's order they come out upright, without a copy.
        pixels = images.reshape(len(labels), side, side, order="F")
    except Exception as error:  # the reader may raise anything on damaged bytes
        raise DataError(
            f"{path} cannot be read as EMNIST's Matlab file: {type(error).__name__} {error}.",
            hint="Fetch the file again.",
        ) from error
    if pixels.dtype != "uint8":
        raise DataError(f"{path} holds images of {pixels.dtype} numbers, expected unsigned bytes.")
    return pixels, labels


EMNIST = OfficialFormat(
    title="EMNIST",
    layout=LAYOUT,
    folders=("emnist", "emnist/gzip", "gzip", "EMNIST/raw", "matlab"),
    present=lambda home: (home / MATLAB).is_file() or any(present(home, STEMS)),
    complete=lambda home: (home / MATLAB).is_file() or all(present(home, STEMS)),
    open=_open,
    downloads=(
        RemoteFile(
            url="https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
            sha256="fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            into="emnist",
        ),
    ),
)
