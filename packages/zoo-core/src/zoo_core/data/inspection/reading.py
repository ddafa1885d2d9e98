"""Own one pass over all images of a split, by loader processes where they help, the results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from zoo_core.data.workers import choose_workers, process_context
from zoo_core.errors import UnreadableImageError
from zoo_core.protocols import ImageDataset, Progress, Sample
from zoo_core.results import SkippedFile

IMAGES_PER_STEP = 64
T = TypeVar("T")


class _Steps(TorchDataset[list[Any]]):
    """Look at some images at a time, in whichever process."""

    def __init__(self, dataset: ImageDataset, look: Callable[[Sample], Any]) -> None:
        self._dataset = dataset
        self._look = look

    def __getitem__(self, indices: list[int]) -> list[Any]:
        return [self._one(index) for index in indices]

    def _one(self, index: int) -> Any:
        try:
            return self._look(self._dataset[index])
        except UnreadableImageError as error:
            return SkippedFile(error.path, error.cause)


def look_at_all(
    dataset: ImageDataset, look: Callable[[Sample], T], *, workers: int, progress: Progress, description: str
) -> Iterator[T | SkippedFile]:
    """Yield for every image, in order, what a function says about it, or why the image cannot be read.

    Args:
        dataset: The images.
        look: Function of one image; it must be importable, since it is sent to other processes.
        workers: Loader processes, as the `dataset` section states them.
        progress: Where a bar is shown.
        description: Text beside the bar.
    """
    steps = [
        list(range(start, min(start + IMAGES_PER_STEP, len(dataset))))
        for start in range(0, len(dataset), IMAGES_PER_STEP)
    ]
    items = _Steps(dataset, look)
    count = choose_workers(workers, dataset, items)
    loader = DataLoader(
        items,
        batch_size=None,
        sampler=steps,
        num_workers=count,
        collate_fn=_as_it_is,
        multiprocessing_context=process_context() if count else None,
    )
    with progress.track(description, len(dataset)) as bar:
        for found in loader:
            yield from found
            bar.advance(len(found))


def _as_it_is(found: list[Any]) -> list[Any]:
    return found
