"""Own the list of data sets that are read in the files their authors distribute; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialDataset:
    """Describe a data set for the catalogue."""

    name: str
    summary: str
    aliases: tuple[str, ...]
    builder: str
    """Module and function below `zoo_classification.data`."""
    section: str = "OfficialSection"


OFFICIAL_DATASETS = (
    OfficialDataset(
        name="flowers102",
        summary="Oxford Flowers 102: jpg/, imagelabels.mat, setid.mat; its own validation split chooses the weights.",
        aliases=("flowers-102", "flower-102", "oxford_flowers102"),
        builder="flowers102:build",
    ),
    OfficialDataset(
        name="food101",
        summary="Food-101: images/<class>/ and the lists in meta/; a share of the training images validates.",
        aliases=("food-101",),
        builder="food101:build",
    ),
    OfficialDataset(
        name="cifar10",
        summary="CIFAR-10 in its batches, as Python pickles (never executed) or binary: 60,000 images of 32x32 pixels.",
        aliases=("cifar-10", "cifar_10"),
        builder="cifar:build_cifar10",
    ),
    OfficialDataset(
        name="cifar100",
        summary="CIFAR-100 in its batches, with 100 fine or 20 coarse classes: 60,000 images of 32x32 pixels.",
        aliases=("cifar-100", "cifar_100"),
        builder="cifar:build_cifar100",
        section="Cifar100Section",
    ),
    OfficialDataset(
        name="mnist",
        summary="MNIST in IDX files, raw or gz: 70,000 handwritten digits of 28x28 pixels.",
        aliases=(),
        builder="mnist:build_mnist",
    ),
    OfficialDataset(
        name="fashion_mnist",
        summary="Fashion-MNIST in IDX files, raw or gz: 70,000 pieces of clothing of 28x28 pixels.",
        aliases=("fashion-mnist",),
        builder="mnist:build_fashion_mnist",
    ),
    OfficialDataset(
        name="emnist_byclass",
        summary="EMNIST by class in IDX or Matlab files: 814,255 characters; num_classes: 36 leaves out a to z.",
        aliases=("emnist", "emnist-byclass"),
        builder="emnist:build",
    ),
)
