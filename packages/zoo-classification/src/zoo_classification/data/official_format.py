"""Own what a data set with files of its own states: their layout, how they are read, where they are fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo_core.data.fetch import RemoteFile
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_core.protocols import ImageDataset


class OfficialFiles(Protocol):
    """Give the splits that the files of a data set define."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the class of each label."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """Return which of training, validation and test the files divide."""
        ...

    def read(self, split: str, places: Sequence[int]) -> ImageDataset:
        """Return one split; `places` holds the index in the run of each label.

        Raises:
            DataError: When files of the split are absent or damaged.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialFormat:
    """Describe a data set: what its files look like, how they are read, where they can be fetched."""

    title: str
    """Name as its authors write it."""
    layout: str
    """Tree of the files below `data_dir`, as messages show it."""
    folders: tuple[str, ...]
    """Folders below `data_dir` in which the files may lie, beside `data_dir` itself."""
    present: Callable[[Path], bool]
    """Tell whether a folder holds any of the files."""
    complete: Callable[[Path], bool]
    """Tell whether a folder holds all of them, so that nothing has to be fetched."""
    open: Callable[[Path, Any], OfficialFiles]
    """Return the splits of the files in a folder, for a `dataset` section."""
    downloads: tuple[RemoteFile, ...] = ()

    def find(self, base: Path) -> Path | None:
        """Return the folder of the files in or below a folder, nothing when none of them is there."""
        return next((home for home in (base, *(base / name for name in self.folders)) if self.present(home)), None)


def refuse_absent(title: str, absent: Sequence[Path], layout: str) -> None:
    """Refuse a data set that lacks files.

    Raises:
        DataError: When the list is not empty.
    """
    if absent:
        names = shorten([path.name for path in absent])
        raise DataError(f"{title}: {absent[0].parent} lacks {names}.\n{draw_layout(layout)}")


def draw_layout(layout: str) -> str:
    """Return a tree of files as messages show it."""
    return "\n".join(["Expected:", *(f"  {line}" for line in layout.strip("\n").splitlines())])
