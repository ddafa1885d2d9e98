"""Own what a data set may say about its labels beyond classes: findings, counts and statistics of its own kind.

A data set whose labels are no class indices offers the methods of `LabelInspection`; `zoo data check` and
`zoo data stats` print what they return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from zoo_core.data.inspection.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStatistics:
    """Hold what was measured on the labels of a split."""

    document: Mapping[str, Any]
    """JSON form."""
    lines: tuple[str, ...]
    """The same for people, one fact in each line."""


@runtime_checkable
class LabelInspection(Protocol):
    """Say what the labels of a data set are like, without reading images."""

    def label_counts(self) -> Mapping[str, int]:
        """Return the number of labels of each class, such as boxes, in the order of the classes."""
        ...

    def label_findings(self, split: str) -> Sequence[Finding]:
        """Return what is wrong or odd about the labels; texts start with the name of the split."""
        ...

    def label_statistics(self) -> LabelStatistics:
        """Return what can be measured on the labels."""
        ...
