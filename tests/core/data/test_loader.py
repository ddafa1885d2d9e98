from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import PlainTask, TinyImages, TinyTask, training_section

from zoo_core.config.sections import DatasetSection
from zoo_core.data import workers as workers_module
from zoo_core.data.loader import eval_loader, train_loader
from zoo_core.data.workers import choose_workers
from zoo_core.errors import DataError


@pytest.fixture
def _many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start loader processes for small data sets too."""
    monkeypatch.setattr(workers_module, "SMALL_DATASET", 0)
    monkeypatch.setattr(workers_module, "core_count", lambda: 2)


def train(images: TinyImages, task: Any = None, *, workers: int = 0, **options: Any) -> Any:
    section = DatasetSection(workers=workers)
    return train_loader(images, task or TinyTask(), training_section(), section, 5, **options)


def evaluate(images: TinyImages, *, workers: int = 0, size: int = 4, **options: Any) -> Any:
    task = PlainTask()
    return eval_loader(images, task.preprocessing, task.collate_targets, size, workers, **options)


def test_augmentation_does_not_touch_the_callers_generators_and_follows_the_seed() -> None:
    state = torch.get_rng_state()
    first = [images for images, _ in train(TinyImages(30))]
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(10)
    again = [images for images, _ in train(TinyImages(30))]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    others = [images for images, _ in train(TinyImages(30), rank=1, world=2)]
    assert not torch.equal(first[1], others[0])  # the same images, drawn by another process


@pytest.mark.usefixtures("_many_workers")
def test_batches_do_not_depend_on_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    images = TinyImages(40, broken=[3, 21], in_memory=False)
    found: dict[int, Any] = {}
    for workers in (0, 2):
        loader = train(images, workers=workers)
        for epoch in (0, 1):
            loader.set_epoch(epoch)
            found[workers, epoch] = list(loader)
        found[workers, "skipped"] = sorted(skip.path for skip in loader.skipped)
        loader.close()
        validation = evaluate(images, workers=workers)
        found[workers, "eval"] = list(validation)
        found[workers, "eval again"] = list(validation)
        validation.close()
    for epoch in (0, 1):
        for (one, labels), (other, others) in zip(found[0, epoch], found[2, epoch], strict=True):
            assert torch.equal(one, other)
            assert torch.equal(labels, others)
    assert found[0, "skipped"] == found[2, "skipped"] == ["image21.png", "image3.png"]
    for name in ("eval", "eval again"):
        for one, other in zip(found[0, name], found[2, name], strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.targets, other.targets)
            assert (one.paths, one.sizes, one.skipped) == (other.paths, other.sizes, other.skipped)


def test_unreadable_training_image_is_replaced_by_the_next_and_told_once() -> None:
    loader = train(TinyImages(8, broken=[2]), PlainTask())
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        batches = list(loader)
        assert sum(len(images) for images, _ in batches) == 8
        labels = sorted(torch.cat([targets for _, targets in batches]).tolist())
        assert labels == sorted([0, 1, 0, 0, 1, 2, 0, 1])  # image 3 twice, image 2 never
    assert [(skip.path, skip.reason) for skip in loader.skipped] == [("image2.png", "the file is empty")]


def test_unreadable_images_are_left_out_of_an_evaluation() -> None:
    batches = list(evaluate(TinyImages(13, broken=[0, 4, 5, 6, 7, 12])))
    assert [batch.paths for batch in batches] == [
        ("image1.png", "image2.png", "image3.png"),
        ("image8.png", "image9.png", "image10.png", "image11.png"),
    ]
    assert [batch.targets.tolist() for batch in batches] == [[1, 2, 0], [2, 0, 1, 2]]
    skipped = [skip.path for batch in batches for skip in batch.skipped]
    assert skipped == [f"image{number}.png" for number in (0, 4, 5, 6, 7, 12)]


def test_parts_of_processes_cover_everything_once() -> None:
    images = TinyImages(11)
    paths = [path for rank in range(3) for batch in evaluate(images, rank=rank, world=3) for path in batch.paths]
    assert sorted(paths) == sorted(images.name(index) for index in range(11))


def test_evaluation_without_images_gives_nothing_and_without_readable_ones_an_error() -> None:
    assert list(evaluate(TinyImages(0))) == []
    with pytest.raises(DataError, match=r"None of 3 images can be read:\n  image0.png: the file is empty"):
        list(evaluate(TinyImages(3, broken=range(3))))


def test_sizes_are_those_before_preprocessing() -> None:
    assert next(iter(evaluate(TinyImages(2)))).sizes == ((8, 8), (8, 8))


@pytest.mark.usefixtures("_many_workers")
def test_failure_in_a_process_reaches_the_user_as_it_was() -> None:
    images = TinyImages(120, broken=range(120), in_memory=False)
    loader = train(images, workers=1)
    with pytest.raises(DataError) as caught:
        list(loader)
    loader.close()
    assert str(caught.value).startswith("None of 100 images can be read:\n  image")


class Payload:
    """A data set whose size is all that counts."""

    def __init__(self, count: int, *, in_memory: bool = False) -> None:
        self.count, self.in_memory = count, in_memory

    def __len__(self) -> int:
        return self.count


def test_processes_are_started_where_they_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers_module, "core_count", lambda: 4)
    large = Payload(10_000)
    assert choose_workers(2, large, None) == 2
    assert choose_workers(0, large, None) == 0
    assert choose_workers(64, large, None) == 4
    assert choose_workers(64, large, None, world=2) == 2
    assert choose_workers(64, large, None, world=8) == 1
    assert choose_workers(2, Payload(100), None) == 0
    assert choose_workers(2, Payload(4_000, in_memory=True), None) == 0
    assert choose_workers(2, Payload(10_000, in_memory=True), None) == 2
    assert not caplog.records
    assert choose_workers(2, large, lambda: None) == 0
    assert "cannot be sent to loader processes" in caplog.text


def test_processes_are_limited_by_shared_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers_module, "core_count", lambda: 16)
    monkeypatch.setattr(workers_module, "_SHARED_MEMORY", tmp_path)
    free = os.statvfs(tmp_path)
    room = free.f_bavail * free.f_frsize
    assert choose_workers(8, Payload(10_000), None, batch_bytes=room // 1000) == 8
    assert choose_workers(8, Payload(10_000), None, batch_bytes=room // 10) == 3
    assert choose_workers(8, Payload(10_000), None, batch_bytes=room) == 0


class Pairs:
    """Add to each image a random other one of the data set; `load` reads by itself."""

    told: list[int]

    def __init__(self) -> None:
        self.told = []

    def set_dataset(self, dataset: Any) -> None:
        self.dataset = dataset
        self.told.append(len(dataset))

    def __call__(self, sample: Any) -> tuple[torch.Tensor, Any]:
        partner = self.dataset[int(torch.randint(len(self.dataset), ()))]
        prepare = PlainTask().preprocessing
        return prepare(sample.image) + prepare(partner.image), sample.target


class ReadingPairs(Pairs):
    def load(self, index: int) -> tuple[torch.Tensor, Any]:
        return self(self.dataset[index])


class PairsTask(PlainTask):
    def __init__(self, transform: Any) -> None:
        super().__init__()
        self.transform = transform

    def train_transform(self) -> Any:
        return self.transform


@pytest.mark.usefixtures("_many_workers")
@pytest.mark.parametrize("kind", [Pairs, ReadingPairs])
def test_transform_knows_the_data_set_and_draws_alike_in_any_process(kind: type[Pairs]) -> None:
    images = TinyImages(20, broken=[3], in_memory=False)
    found = []
    for workers in (0, 2):
        transform = kind()
        loader = train(images, PairsTask(transform), workers=workers)
        assert transform.told == [20]
        found.append(list(loader))
        loader.close()
    for (one, labels), (other, others) in zip(*found, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(labels, others)
