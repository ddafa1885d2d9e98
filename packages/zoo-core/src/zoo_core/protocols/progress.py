"""Own how a long operation tells how far it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class ProgressTask(Protocol):
    """Advance one bar."""

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move on by some steps and show the latest named values, such as `loss=0.31`."""
        ...


class Progress(Protocol):
    """Show the user how far a long operation is."""

    def track(self, description: str, total: int | None) -> AbstractContextManager[ProgressTask]:
        """Open a bar of `total` steps, or of unknown length."""
        ...
