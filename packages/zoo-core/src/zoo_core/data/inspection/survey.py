"""Own what one split holds: how many images of which class, size and colours, and a hash of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from zoo_core.data.inspection.reading import look_at_all
from zoo_core.protocols import ImageDataset, Progress, Sample
from zoo_core.results import SkippedFile

HASH_BYTES = 8
"""Among a million images, two different ones share such a hash with a probability of about 3 in 10^8."""


class ImageFacts(NamedTuple):
    """Hold what is kept of one image."""

    digest: int
    """Hash of its size, colours and pixels, not of the file around them."""
    size: tuple[int, int]
    """Width and height in pixels."""
    mode: str
    """Pillow's name of its colours, such as `RGB`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Hold what one pass over a split found."""

    split: str
    source: str
    dataset: ImageDataset
    unreadable: tuple[SkippedFile, ...]
    classes: dict[str, int] | None
    """Number of images of each class, in the order of the classes; nothing where the labels are no classes."""
    sizes: Counter[tuple[int, int]]
    """Number of images of each (width, height) in pixels."""
    modes: Counter[str]
    digests: npt.NDArray[np.uint64]
    """Hash of every readable image."""
    indices: npt.NDArray[np.int64]
    """Index in the split of the image behind each hash."""

    @property
    def images(self) -> int:
        """Return the number of images, readable or not."""
        return len(self.dataset)


def look(sample: Sample) -> ImageFacts:
    """Return what is kept of one image."""
    image = sample.image
    digest = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=HASH_BYTES)
    digest.update(image.convert("RGBA").tobytes() if image.mode in ("P", "PA") else image.tobytes())
    return ImageFacts(int.from_bytes(digest.digest(), "big"), image.size, image.mode)


def survey_split(
    split: str,
    dataset: ImageDataset,
    class_names: Sequence[str],
    *,
    source: str = "",
    workers: int = 0,
    progress: Progress,
) -> Survey:
    """Read every image of a split once; only numbers are kept of each."""
    digests = np.zeros(len(dataset), np.uint64)
    indices: list[int] = []
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    unreadable = []
    found = look_at_all(dataset, look, workers=workers, progress=progress, description=f"Reading {split} images")
    for index, facts in enumerate(found):
        if isinstance(facts, SkippedFile):
            unreadable.append(facts)
            continue
        digests[len(indices)] = facts.digest
        indices.append(index)
        sizes[facts.size] += 1
        modes[facts.mode] += 1
    return Survey(
        split=split,
        source=source,
        dataset=dataset,
        unreadable=tuple(unreadable),
        classes=count_classes(dataset.targets, class_names),
        sizes=sizes,
        modes=modes,
        digests=digests[: len(indices)],
        indices=np.array(indices, np.int64),
    )


def count_classes(targets: Sequence[Any], class_names: Sequence[str]) -> dict[str, int] | None:
    """Return the number of examples of each class, or nothing when the labels are not indices of classes."""
    if not class_names or not all(
        isinstance(target, int | np.integer) and 0 <= target < len(class_names) for target in targets
    ):
        return None
    counts = Counter(targets)
    return {name: counts[index] for index, name in enumerate(class_names)}
