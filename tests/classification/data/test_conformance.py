"""Data sets in the files of their authors pass the checks that plugin authors run."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from official_files import write_cifar10, write_cifar100, write_flowers102, write_food101, write_mnist

from zoo_core.testing.conformance import DatasetConformance


class Packed(DatasetConformance):
    """Many images lie in one file, so that none of them can be damaged alone."""

    reads_files = False
    place = "files"
    """Folder below `data_dir`."""

    @abstractmethod
    def write(self, folder: Path) -> object:
        """Write the files of the data set's authors."""

    def section(self, folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True)
        self.write(folder / self.place)
        return {"data_dir": str(folder), "workers": 0}


class TestCifar10(Packed):
    dataset = "cifar10"
    place = "cifar-10-batches-py"

    def write(self, folder: Path) -> object:
        return write_cifar10(folder)


class TestCifar100(Packed):
    dataset = "cifar100"
    place = "cifar-100-python"

    def write(self, folder: Path) -> object:
        return write_cifar100(folder)


class TestMnist(Packed):
    dataset = "mnist"
    place = "mnist"

    def write(self, folder: Path) -> object:
        return write_mnist(folder, packed=False)


class TestFashionMnist(Packed):
    dataset = "fashion_mnist"
    place = "fashion_mnist"

    def write(self, folder: Path) -> object:
        return write_mnist(folder, packed=True)


class TestFlowers102(Packed):
    dataset = "flowers102"
    place = "flowers102"
    reads_files = True

    def write(self, folder: Path) -> object:
        return write_flowers102(folder)


class TestFood101(Packed):
    dataset = "food101"
    place = "food101"
    reads_files = True

    def write(self, folder: Path) -> object:
        return write_food101(folder)


class TestEmnist(Packed):
    dataset = "emnist_byclass"
    place = "emnist"

    def write(self, folder: Path) -> object:
        return write_mnist(folder, train=124, test=62, stems=("emnist-byclass-train", "emnist-byclass-test"))
