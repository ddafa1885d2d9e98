"""Own batches: reading and augmenting images in loader processes, the same batches whatever their number.

Every random draw for an image follows from (seed, rank, epoch, index), never from the process that makes it. So the
options `worker_seeding`, `no_prefetcher` and `use_multi_epochs_loader` of other loaders change nothing here.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from zoo_core.data.order import EpochBatches, Key
from zoo_core.data.seeding import derive_seed, isolated_randomness
from zoo_core.data.workers import choose_workers, process_context
from zoo_core.errors import DataError, UnreadableImageError, ZooError
from zoo_core.protocols import Batch, ImageDataset, Preprocessing, Sample, Task
from zoo_core.results import SkippedFile

log = logging.getLogger("zoo")

COPIES_NDIM = 4
"""Dimensions of a sample that holds several copies of its image: S, C, H, W. All first copies come first in a batch."""
MAX_REPLACEMENTS = 100
"""Images tried in place of one that cannot be read before the training gives up."""


@dataclass(slots=True)
class _Item:
    image: torch.Tensor | None
    target: Any = None
    path: str = ""
    size: tuple[int, int] = (0, 0)
    skipped: tuple[SkippedFile, ...] = ()


@dataclass(slots=True)
class _Packet:
    """Carry a batch out of a loader process; the targets travel as bytes so that they cost no file handles."""

    images: torch.Tensor | None = None
    targets: Any = None
    packed: bytes | None = None
    paths: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    error: ZooError | None = None

    def pin_memory(self) -> _Packet:
        """Move the images to memory that GPUs copy from faster; torch's loader calls this."""
        if self.images is not None:
            self.images = self.images.pin_memory()
        return self


class TrainItems(TorchDataset[_Item]):
    """Read and augment one training image, or the next one that can be read.

    A transform that has a method `set_epoch(epoch, seed)` is told the epoch of every image, one that has a method
    `set_dataset(dataset)` is told once where other images come from. One that also has a method `load(index)`, which
    returns what a call does, reads the images itself, for instance at a reduced size. All random numbers must come from
    the global generators of `random`, NumPy and torch, which are seeded for every image.
    """

    def __init__(
        self, dataset: ImageDataset, transform: Callable[[Sample], tuple[torch.Tensor, Any]], seed: int, rank: int = 0
    ) -> None:
        self._dataset = dataset
        self._transform = transform
        self._epoch_seed = seed
        self._seed = derive_seed(seed, rank)
        self._set_epoch: Callable[[int, int], None] | None = getattr(transform, "set_epoch", None)
        self._load: Callable[[int], tuple[torch.Tensor, Any]] | None = getattr(transform, "load", None)
        set_dataset: Callable[[ImageDataset], None] | None = getattr(transform, "set_dataset", None)
        if set_dataset is not None:
            set_dataset(dataset)

    def __getitem__(self, key: Key) -> _Item:
        """Return the image of a key, drawn anew in the same way each time."""
        epoch, index, _ = key
        if self._set_epoch is not None:
            self._set_epoch(epoch, self._epoch_seed)
        skipped: list[SkippedFile] = []
        with isolated_randomness(derive_seed(self._seed, *key)):
            for step in range(min(len(self._dataset), MAX_REPLACEMENTS)):
                try:
                    item = self._item((index + step) % len(self._dataset))
                except UnreadableImageError as error:
                    skipped.append(SkippedFile(error.path, error.cause))
                    continue
                item.skipped = tuple(skipped)
                return item
        raise DataError(_none_readable(skipped))

    def _item(self, index: int) -> _Item:
        if self._load is not None:
            image, target = self._load(index)
            return _Item(image, target, self._dataset.name(index))
        sample = self._dataset[index]
        image, target = self._transform(sample)
        return _Item(image, target, sample.path, sample.image.size)


class _EvalItems(TorchDataset[_Item]):
    """Read and preprocess one image, or say why it cannot be read."""

    def __init__(self, dataset: ImageDataset, preprocessing: Preprocessing) -> None:
        self._dataset = dataset
        self._preprocessing = preprocessing

    def __getitem__(self, index: int) -> _Item:
        try:
            sample = self._dataset[index]
            return _Item(self._preprocessing(sample.image), sample.target, sample.path, sample.image.size)
        except UnreadableImageError as error:
            return _Item(None, skipped=(SkippedFile(error.path, error.cause),))


class _Fetch(TorchDataset[_Packet]):
    """Make whole batches, so that errors reach the caller as they are and not as text of another process."""

    def __init__(self, items: TorchDataset[_Item], collate_targets: Callable[[Sequence[Any]], Any]) -> None:
        self._items = items
        self._collate_targets = collate_targets

    def __getitem__(self, keys: Sequence[Any]) -> _Packet:
        try:
            return self._collate([self._items[key] for key in keys])
        except ZooError as error:
            return _Packet(error=error)

    def _collate(self, items: Sequence[_Item]) -> _Packet:
        skipped = tuple(skip for item in items for skip in item.skipped)
        read = [item for item in items if item.image is not None]
        if not read:
            return _Packet(skipped=skipped)
        images = [item.image for item in read if item.image is not None]
        copies = len(images[0]) if images[0].ndim == COPIES_NDIM else 0
        targets = self._collate_targets([item.target for item in read] * max(1, copies))
        travels = get_worker_info() is not None
        return _Packet(
            images=torch.stack(images, 1).flatten(0, 1) if copies else torch.stack(images),
            targets=None if travels else targets,
            packed=pickle.dumps(targets) if travels else None,
            paths=tuple(item.path for item in read),
            sizes=tuple(item.size for item in read),
            skipped=skipped,
        )


class _Packets:
    """Run a `_Fetch` over lists of keys, in this process or in others that stay alive between passes."""

    def __init__(self, fetch: _Fetch, keys: Any, workers: int, *, pin_memory: bool) -> None:
        self._loader: DataLoader[_Packet] | None = DataLoader(
            fetch,
            batch_size=None,
            sampler=keys,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin_memory,
            persistent_workers=workers > 0,
            multiprocessing_context=process_context() if workers else None,
            generator=torch.Generator(),
        )

    def __iter__(self) -> Iterator[_Packet]:
        if self._loader is None:
            return
        for packet in self._loader:
            if packet.error is not None:
                raise packet.error
            if packet.packed is not None:
                packet.targets = pickle.loads(packet.packed)  # noqa: S301 - bytes made by our own loader process
            yield packet

    def close(self) -> None:
        self._loader = None


class TrainLoader:
    """Give the training batches of the chosen epoch as (images of shape (N, C, H, W), targets)."""

    def __init__(self, packets: _Packets, batches: EpochBatches) -> None:
        self._packets = packets
        self._batches = batches
        self._skipped: dict[str, SkippedFile] = {}

    @property
    def skipped(self) -> tuple[SkippedFile, ...]:
        """Return the files that could not be read so far, each once."""
        return tuple(self._skipped.values())

    def set_epoch(self, epoch: int, *, start: int = 0) -> None:
        """Choose the epoch, counted from 0, and the first of its batches that is still to come."""
        self._batches.set_epoch(epoch, start=start)

    def __len__(self) -> int:
        """Return the number of batches of the whole epoch."""
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, Any]]:
        """Yield batches; the epoch is read when the first one is asked for.

        Raises:
            DataError: When so many images in a row cannot be read that none is left.
        """
        for packet in self._packets:
            for skip in packet.skipped:
                if skip.path not in self._skipped:
                    log.warning("Left out of the training: %s: %s", skip.path, skip.reason)
                    self._skipped[skip.path] = skip
            if packet.images is not None:
                yield packet.images, packet.targets

    def close(self) -> None:
        """End the loader processes."""
        self._packets.close()


class EvalLoader:
    """Give every image of a data set once, in order, as `Batch` objects.

    Images that cannot be read are left out; the batch beside them names them in `skipped`.
    """

    def __init__(self, packets: _Packets, batches: int, images: int) -> None:
        self._packets = packets
        self._length = batches
        self.images = images
        """Number of images, readable or not."""

    def __len__(self) -> int:
        """Return the number of batches when every image can be read."""
        return self._length

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches of at least one image.

        Raises:
            DataError: When there are images and none can be read.
        """
        held: Batch | None = None
        early: tuple[SkippedFile, ...] = ()
        for packet in self._packets:
            if packet.images is None:
                early += packet.skipped
                continue
            if held is not None:
                yield held
            skipped, early = early + packet.skipped, ()
            held = Batch(packet.images, packet.targets, packet.paths, packet.sizes, skipped)
        if held is None:
            if early:
                raise DataError(_none_readable(early))
            return
        held.skipped += early
        yield held

    def close(self) -> None:
        """End the loader processes."""
        self._packets.close()


def train_loader(
    dataset: ImageDataset,
    task: Task,
    training: Any,
    section: Any,
    seed: int,
    *,
    rank: int = 0,
    world: int = 1,
    multiple: int = 1,
    pin_memory: bool = False,
) -> TrainLoader:
    """Return the loader of training batches for one of `world` processes.

    `training` and `section` are the sections `training` and `dataset`. `multiple` divides the
    number of images that are read for every batch.

    Raises:
        DataError: When there are too few images for one batch.
    """
    batches = EpochBatches(
        len(dataset),
        training.batch_size,
        seed,
        sampler=task.train_sampler(dataset),
        rank=rank,
        world=world,
        multiple=multiple,
        repeats=max(1, round(training.lr_scheduler.epoch_repeats)),
        copies=max(1, getattr(task, "augmentation_repeats", 1)),
    )
    transform = task.train_transform()
    fetch = _Fetch(TrainItems(dataset, transform, seed, rank), task.collate_targets)
    batch_bytes = round(_batch_bytes(task.preprocessing, training.batch_size) * getattr(transform, "growth", 1.0))
    workers = choose_workers(section.workers, dataset, fetch, batch_bytes=batch_bytes, world=world)
    return TrainLoader(_Packets(fetch, batches, workers, pin_memory=pin_memory), batches)


def eval_loader(
    dataset: ImageDataset,
    preprocessing: Preprocessing,
    collate_targets: Callable[[Sequence[Any]], Any],
    batch_size: int,
    workers: int = 0,
    *,
    rank: int = 0,
    world: int = 1,
    pin_memory: bool = False,
) -> EvalLoader:
    """Return a loader of the images rank, rank + world, ... of a data set, in order, preprocessed only."""
    indices = range(rank, len(dataset), world)
    keys = [list(indices[start : start + batch_size]) for start in range(0, len(indices), batch_size)]
    fetch = _Fetch(_EvalItems(dataset, preprocessing), collate_targets)
    workers = choose_workers(workers, dataset, fetch, batch_bytes=_batch_bytes(preprocessing, batch_size), world=world)
    return EvalLoader(_Packets(fetch, keys, workers, pin_memory=pin_memory), len(keys), len(indices))


def _batch_bytes(preprocessing: Preprocessing, batch_size: int) -> int:
    size = getattr(preprocessing, "input", None)
    return 0 if size is None else 4 * batch_size * size.channels * size.height * size.width


def _as_it_is(packet: Any) -> Any:
    return packet


def _none_readable(skipped: Sequence[SkippedFile]) -> str:
    shown = "\n".join(f"  {skip.path}: {skip.reason}" for skip in skipped[:5])
    return f"None of {len(skipped)} images can be read:\n{shown}"
