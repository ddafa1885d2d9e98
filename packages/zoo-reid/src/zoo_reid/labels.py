"""Own what is known of a picture of a person: who it is, which camera saw it, which part it plays in a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

QUERY, GALLERY, BOTH = "query", "gallery", "both"
"""A picture is searched for, is searched through, or both, each against all others."""
UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLabel:
    """Hold the identity of the person on one picture."""

    identity: str
    """Name of the person as the data set gives it."""
    camera: int = UNKNOWN
    """Number of the camera as the data set gives it, from 0; -1 where it gives none."""
    role: str = BOTH
    """`query`, `gallery` or `both`."""
    number: int = UNKNOWN
    """Place among the identities that a model is trained to tell apart; -1 for other persons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTargets:
    """Hold the labels of N pictures in the form that losses and evaluators take."""

    numbers: torch.Tensor
    """Int64, shape (N,): place among the identities of the training, -1 for other persons."""
    groups: torch.Tensor
    """Int64, shape (N,): equal for pictures of the same person, within this batch only."""
    labels: tuple[PersonLabel, ...]
    """Labels of each picture as the data set gives them."""

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)

    def to(self, device: Any, **options: Any) -> PersonTargets:
        """Return the same with its tensors on a device."""
        return replace(self, numbers=self.numbers.to(device, **options), groups=self.groups.to(device, **options))


def collate_persons(labels: Sequence[PersonLabel]) -> PersonTargets:
    """Return the targets of one batch."""
    names = {name: place for place, name in enumerate(dict.fromkeys(label.identity for label in labels))}
    return PersonTargets(
        numbers=torch.tensor([label.number for label in labels], dtype=torch.int64),
        groups=torch.tensor([names[label.identity] for label in labels], dtype=torch.int64),
        labels=tuple(labels),
    )
