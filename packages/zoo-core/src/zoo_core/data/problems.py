"""Own the list of what is wrong with annotations: everything at once, in one message of bearable length."""

from __future__ import annotations

from collections.abc import Iterable

from zoo_core.errors import DataError

SHOWN = 10
"""Number of problems of a kind that a message spells out."""


class Problems:
    """Collect sentences, and refuse the data when there are any."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._hints: list[str] = []

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._lines)

    def add(self, title: str, items: Iterable[str], hint: str | None = None) -> None:
        """Add problems of one kind, if there are any; the title may hold `{count}`.

        Args:
            title: What is wrong.
            items: One line for each place.
            hint: What to do about it.
        """
        listed = list(items)
        if not listed:
            return
        self._lines.append(f"{title.format(count=len(listed))}:")
        self._lines += [f"  {item}" for item in listed[:SHOWN]]
        if len(listed) > SHOWN:
            self._lines.append(f"  ... and {len(listed) - SHOWN} more")
        if hint is not None and hint not in self._hints:
            self._hints.append(hint)

    def refuse(self) -> None:
        """Refuse the data set when there are problems.

        Raises:
            DataError: Listing them.
        """
        if self._lines:
            raise DataError("\n".join(self._lines), hint="\n".join(self._hints) or None)
