"""Own where every value of a configuration came from: a file and line, the command line, or a saved run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Place:
    """Name a file and a line of it, or another source that has no lines."""

    file: str
    line: int | None = None
    base_dir: Path | None = None
    """Directory that relative paths written in this place refer to."""

    def __str__(self) -> str:
        """Return `file:line` or the name of the source."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(slots=True)
class Origins:
    """Map dotted keys to places; what was noted last holds."""

    places: dict[str, Place] = field(default_factory=dict)

    def add_file(self, path: Path, lines: dict[str, int], package: str = "") -> None:
        """Note the keys of a file whose content stands below a package of the configuration."""
        base_dir = path.absolute().parent
        for key, line in lines.items():
            self.places[f"{package}.{key}" if package else key] = Place(str(path), line, base_dir)

    def add_override(self, key: str, base_dir: Path) -> None:
        """Note a key that the command line set; what a file said below it no longer holds."""
        self.places = {known: place for known, place in self.places.items() if not known.startswith(f"{key}.")}
        self.places[key] = Place(COMMAND_LINE, None, base_dir)

    def add_source(self, keys: Iterable[str], file: str, base_dir: Path) -> None:
        """Note keys that came from a source without lines."""
        for key in keys:
            self.places[key] = Place(file, None, base_dir)

    def exact(self, key: str) -> Place | None:
        """Return where a key itself was written."""
        return self.places.get(key)

    def nearest(self, key: str) -> Place | None:
        """Return where a key, or the nearest section around it, was written."""
        while key:
            if key in self.places:
                return self.places[key]
            key = key.rpartition(".")[0]
        return None
