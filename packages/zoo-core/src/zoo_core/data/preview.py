"""Own examples of training images before and after augmentation, drawn just as a training draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from zoo_core.data.loader import COPIES_NDIM, TrainItems
from zoo_core.data.order import EpochBatches
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.data.seeding import derive_seed, isolated_randomness
from zoo_core.errors import DataError, UnreadableImageError, UserError
from zoo_core.protocols import ImageDataset, Sample, Task
from zoo_core.results import SkippedFile

PICTURES = 4
"""Augmented pictures of each image: one for each of the first epochs, or the copies of one epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Hold one image as evaluation would see it, and as the first epochs of a training see it."""

    path: str
    label: str
    before: Image.Image
    after: tuple[Image.Image, ...]

    @property
    def changed(self) -> bool:
        """Tell whether augmentation did anything."""
        return any(picture.size != self.before.size or picture != self.before for picture in self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Hold the first images of a training."""

    examples: tuple[Example, ...]
    titles: tuple[str, ...]
    """What each augmented picture of an example is, such as `epoch 1`."""
    skipped: tuple[SkippedFile, ...]
    detailed: bool = False
    """Whether targets are drawn on the pictures, so that these are to be shown larger."""


def draw_examples(dataset: ImageDataset, task: Task, seed: int, count: int) -> Examples:
    """Return the first images that a training with this seed sees, each as its first epochs augment it.

    A task that has a method `draw_target(picture, target)` draws targets on them: before augmentation that of the
    sample, afterwards that of the transform; pictures have the size of the model's input. It returns a picture.

    Raises:
        DataError: When none of the images can be read.
        UserError: When the use case prepares images in a way that cannot be shown.
    """
    preprocessing = task.preprocessing
    if not isinstance(preprocessing, ImagePreprocessing):
        msg = f"The inputs of this use case are made by {type(preprocessing).__name__}, which cannot be shown."
        raise UserError(msg)
    draw: Callable[[Image.Image, Any], Image.Image] | None = getattr(task, "draw_target", None)
    items = TrainItems(dataset, task.train_transform(), seed)
    examples: list[Example] = []
    titles: tuple[str, ...] = ()
    skipped: list[SkippedFile] = []
    for index in _order(dataset, task, seed):
        if len(examples) == count:
            break
        try:
            with isolated_randomness(derive_seed(seed, index)):
                sample = dataset[index]
            before = preprocessing.to_image(preprocessing(sample.image))
        except UnreadableImageError as error:
            skipped.append(SkippedFile(error.path, error.cause))
            continue
        pictures = _augmented(items, index)
        titles = tuple(title for title, _, _ in pictures)
        after = tuple(_drawn(preprocessing.to_image(tensor), target, draw) for _, tensor, target in pictures)
        before = _drawn(before, sample.target, draw)
        examples.append(Example(path=sample.path, label=_label(sample, task), before=before, after=after))
    if not examples:
        msg = f"None of the {len(dataset)} training images can be read."
        raise DataError(msg, hint="zoo data check names every file and its fault.")
    return Examples(examples=tuple(examples), titles=titles, skipped=tuple(skipped), detailed=draw is not None)


def _order(dataset: ImageDataset, task: Task, seed: int) -> Sequence[int]:
    batches = EpochBatches(len(dataset), len(dataset), seed, sampler=task.train_sampler(dataset))
    return tuple(dict.fromkeys(index for batch in batches for _, index, _ in batch))


def _augmented(items: TrainItems, index: int) -> list[tuple[str, torch.Tensor, Any]]:
    """Return titles, model inputs of shape (C, H, W) and their targets."""
    found: list[tuple[str, torch.Tensor, Any]] = []
    epoch = 0
    while len(found) < PICTURES:
        item = items[(epoch, index, 0)]
        if item.image is None:
            msg = "a training item always has an image"
            raise TypeError(msg)
        epoch += 1
        if item.image.ndim == COPIES_NDIM:
            copies = enumerate(item.image, 1)
            found += [(f"epoch {epoch}, copy {number}", copy, item.target) for number, copy in copies]
        else:
            found.append((f"epoch {epoch}", item.image, item.target))
    return found


def _drawn(picture: Image.Image, target: Any, draw: Callable[[Image.Image, Any], Image.Image] | None) -> Image.Image:
    return picture if draw is None else draw(picture, target)


def _label(sample: Sample, task: Any) -> str:
    names: Sequence[str] = getattr(task, "class_names", ())
    target = sample.target
    return names[target] if isinstance(target, int) and 0 <= target < len(names) else ""
