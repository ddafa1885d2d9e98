"""Own what data sets, samples and batches are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zoo_core.protocols.progress import Progress
from zoo_core.results import SkippedFile

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image


TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
QUANTIZATION = "quantization"
PREDICTION = "prediction"
SPLITS = (TRAIN, VALIDATION, TEST, QUANTIZATION, PREDICTION)


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one undecorated example of a data set: the image as stored and its label."""

    image: Image
    """PIL image in the mode of the file."""
    target: Any
    """Label of the task's own type; `None` for images without one."""
    path: str
    """Path or other name by which a user finds the image."""


@runtime_checkable
class ImageDataset(Protocol):
    """Give access to one split of a data set, one example at a time, nothing held in memory."""

    targets: Sequence[Any]
    """Label of every example, known without reading images."""

    def __len__(self) -> int:
        """Return the number of examples."""
        ...

    def __getitem__(self, index: int) -> Sample:
        """Read one example.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        ...

    def name(self, index: int) -> str:
        """Return the path or name of one example without reading it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRequest:
    """Say to a data set which splits a run needs and with which seed to divide them."""

    splits: frozenset[str]
    """Subset of `SPLITS`; a data set reads nothing for the others."""
    seed: int
    quantization_seed: int = 0
    check_image_files: bool = False
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDatasets:
    """Hold the splits that were asked for; a split that does not exist is `None`."""

    class_names: tuple[str, ...]
    class_ids: tuple[int, ...] = ()
    """Number of every class in the data set's own files, where they have such."""
    train: ImageDataset | None = None
    validation: ImageDataset | None = None
    test: ImageDataset | None = None
    quantization: ImageDataset | None = None
    prediction: ImageDataset | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    """Split -> where its images come from, in words: `validation: 20 % of training_path`."""
    notes: tuple[str, ...] = ()

    def get(self, split: str) -> ImageDataset | None:
        """Return one split by its name."""
        found: ImageDataset | None = getattr(self, split)
        return found


@dataclass(slots=True)
class Batch:
    """Hold preprocessed images with their targets, and what had to be left out."""

    images: torch.Tensor
    """Float32, shape (N, C, H, W), as the model expects it."""
    targets: Any
    """What the task's `collate_targets` made of the labels."""
    paths: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each image before preprocessing."""
    skipped: tuple[SkippedFile, ...] = ()
