"""Own the way back from a canonical key to what the user wrote: its key, its line, its folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from zoo_core.config.dialects.moves import Moves
from zoo_core.config.issues import make_issue
from zoo_core.config.origins import Origins, Place
from zoo_core.errors import ConfigIssue


@dataclass(frozen=True, slots=True)
class Places:
    """Join the origins of written keys with the moves of dialects."""

    origins: Origins
    moves: Moves
    base_dir: Path
    file: Path | None = None

    def of(self, key: str) -> Place | None:
        """Return where a canonical key, or the nearest section around it, was written."""
        place = self.origins.nearest(self.moves.written(key)) or self.origins.nearest(key)
        return place or (Place(str(self.file)) if self.file else None)

    def source(self, key: str) -> Place | None:
        """Return where the value of a canonical key was written, nothing when it is a default."""
        written = self.moves.written(key)
        place = self.origins.exact(written)
        if place is None and written != key:
            place = self.origins.nearest(written)
        return place

    def folder(self, key: str) -> Path:
        """Return the folder that a relative path under this key refers to."""
        place = self.of(key)
        return (place.base_dir if place else None) or self.base_dir

    def issue(self, key: str, message: str, hint: str | None = None) -> ConfigIssue:
        """Return an issue under the key that the user wrote."""
        return make_issue(self.moves.written(key), message, self.of(key), hint=hint)

    def located(self, issues: Iterable[ConfigIssue]) -> list[ConfigIssue]:
        """Return issues under written keys, with the place added where they have none."""
        return [
            issue if issue.file else make_issue(issue.key, issue.message, self.of(issue.key), hint=issue.hint)
            for issue in issues
        ]
