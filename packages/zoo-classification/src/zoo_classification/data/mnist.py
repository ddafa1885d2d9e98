"""Own MNIST and Fashion-MNIST in their official IDX files.

Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits"; H. Xiao, K. Rasul, R. Vollgraf,
"Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", arXiv:1708.07747, 2017.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo_classification.data.class_lists import DIGITS, FASHION
from zoo_classification.data.idx_files import IdxFiles, present
from zoo_classification.data.official import divide
from zoo_classification.data.official_format import OfficialFormat
from zoo_core.data.fetch import RemoteFile
from zoo_core.protocols import TEST, TRAIN, DataRequest, SplitDatasets

STEMS = {TRAIN: "train", TEST: "t10k"}
LAYOUT = """
data_dir/                          (or {folder}/ below it)
├── train-images-idx3-ubyte[.gz]
├── train-labels-idx1-ubyte[.gz]
├── t10k-images-idx3-ubyte[.gz]
└── t10k-labels-idx1-ubyte[.gz]
"""
MNIST_URL = "https://storage.googleapis.com/cvdf-datasets/mnist"
FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"


def build_mnist(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide MNIST.

    Raises:
        DataError: When its files are absent or damaged.
    """
    return divide(MNIST, section, request)


def build_fashion_mnist(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide Fashion-MNIST.

    Raises:
        DataError: When its files are absent or damaged.
    """
    return divide(FASHION_MNIST, section, request)


def _format(
    title: str, names: tuple[str, ...], folders: tuple[str, ...], url: str, hashes: dict[str, str]
) -> OfficialFormat:
    layout = LAYOUT.replace("{folder}", folders[0])

    def open_files(home: Path, section: Any) -> IdxFiles:
        return IdxFiles(title=title, home=home, stems=STEMS, names=names, layout=layout)

    return OfficialFormat(
        title=title,
        layout=layout,
        folders=folders,
        present=lambda home: any(present(home, STEMS)),
        complete=lambda home: all(present(home, STEMS)),
        open=open_files,
        downloads=tuple(
            RemoteFile(url=f"{url}/{name}.gz", sha256=sha256, into=folders[0]) for name, sha256 in hashes.items()
        ),
    )


MNIST = _format(
    "MNIST",
    DIGITS,
    ("mnist", "MNIST", "MNIST/raw", "raw"),
    MNIST_URL,
    {
        "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)
FASHION_MNIST = _format(
    "Fashion-MNIST",
    FASHION,
    ("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw", "raw"),
    FASHION_URL,
    {
        "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)
