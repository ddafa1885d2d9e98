"""Own the access to image files of persons, and what can be said about who is on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.images import read_image
from zoo_core.data.inspection.findings import Finding
from zoo_core.data.inspection.labels import LabelStatistics
from zoo_core.protocols import Sample
from zoo_reid.data.findings import person_findings
from zoo_reid.data.listing import Pictures
from zoo_reid.data.statistics import person_statistics
from zoo_reid.labels import BOTH, UNKNOWN, PersonLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """Say how a set was cut from the training pictures."""

    share: float
    by: str
    """`identity` or `image`."""
    seed: int


class PersonFiles:
    """Read image files one at a time; who is on them is known without reading."""

    def __init__(
        self, paths: Iterable[str], targets: Iterable[PersonLabel], *, held_back: HeldBack | None = None
    ) -> None:
        self.paths = tuple(paths)
        self.targets: Sequence[PersonLabel] = tuple(targets)
        self.held_back = held_back
        """How the set was cut from the training pictures, if it was."""

    @classmethod
    def of(
        cls,
        parts: Mapping[str, Pictures],
        class_names: Sequence[str] = (),
        *,
        held_back: HeldBack | None = None,
    ) -> PersonFiles:
        """Return the pictures of sets by the role they play, numbered by the persons of the training."""
        numbers = {name: place for place, name in enumerate(class_names)}
        targets = (
            PersonLabel(identity=identity, camera=camera, role=role, number=numbers.get(identity, UNKNOWN))
            for role, found in parts.items()
            for identity, camera in zip(found.identities, found.cameras, strict=True)
        )
        files = (file for found in parts.values() for file in found.files)
        return cls(files, targets, held_back=held_back)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one file.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        path = self.paths[index]
        return Sample(read_image(Path(path)), self.targets[index], path)

    def name(self, index: int) -> str:
        """Return the path of one file."""
        return self.paths[index]

    def label_counts(self) -> Mapping[str, int]:
        """Return the number of pictures of each person, persons sorted."""
        counts = Counter(label.identity for label in self.targets)
        return {name: counts[name] for name in sorted(counts)}

    def label_findings(self, split: str) -> Sequence[Finding]:
        """Return what is odd about persons and cameras."""
        return person_findings(self.paths, self.targets, split)

    def label_statistics(self) -> LabelStatistics:
        """Return numbers of persons, pictures and cameras."""
        return person_statistics(self.targets)


def one_role(found: Pictures, class_names: Sequence[str] = (), *, held_back: HeldBack | None = None) -> PersonFiles:
    """Return pictures that are each searched for among all others."""
    return PersonFiles.of({BOTH: found}, class_names, held_back=held_back)
