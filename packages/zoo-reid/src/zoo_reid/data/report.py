"""Own the account of reading a data set: what makes it unusable, all at once, and what is worth knowing."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoo_core.errors import DataError


@dataclass(slots=True, kw_only=True)
class Report:
    """Gather what reading brings to light beside the pictures."""

    problems: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, text: str, hint: str | None = None) -> None:
        """Add something that makes the data set unusable, and what to do about it."""
        self.problems.append(text)
        if hint is not None and hint not in self.hints:
            self.hints.append(hint)

    def refuse(self) -> None:
        """Refuse the data set when there are problems.

        Raises:
            DataError: Listing them.
        """
        if self.problems:
            lines = ["The data set cannot be used:", *(f"  {text}" for text in dict.fromkeys(self.problems))]
            raise DataError("\n".join(lines), hint="\n".join(self.hints) or None)
