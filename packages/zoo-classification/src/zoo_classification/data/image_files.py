"""Own the access to image files with their classes, and the check of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo_core.data.images import read_image
from zoo_core.data.readable import refuse_unreadable
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_core.protocols import Progress, Sample

SHOWN = 20
"""Number of bad files that a message lists."""


class ImageFiles:
    """Read image files one at a time; labels are known without reading."""

    def __init__(self, paths: Sequence[Path], targets: Sequence[int | None] | None = None) -> None:
        self.paths = tuple(paths)
        self.targets: Sequence[int | None] = tuple(targets) if targets is not None else (None,) * len(self.paths)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one file.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        path = self.paths[index]
        return Sample(read_image(path), self.targets[index], str(path))

    def name(self, index: int) -> str:
        """Return the path of one file."""
        return str(self.paths[index])


def check_images(paths: Iterable[Path], progress: Progress | None) -> None:
    """Decode every file.

    Raises:
        DataError: Listing the files that cannot be decoded.
    """
    refuse_unreadable({str(path) for path in paths}, lambda name: read_image(Path(name)), progress)


def refuse_absent_images(root: Path, names: Sequence[str], archive: str) -> None:
    """Refuse a list of images of which some are not there, looking once into each folder.

    Args:
        root: Folder that the names start from.
        names: Paths below it, such as `apple_pie/1005649.jpg`.
        archive: File that holds them all, for the message.

    Raises:
        DataError: Naming the first of them.
    """
    there: dict[str, set[str]] = {}
    absent = []
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder not in there:
            there[folder] = _names_in(root / folder)
        if file not in there[folder]:
            absent.append(name)
    if absent:
        raise DataError(
            f"{root} lacks {len(absent)} of {len(names)} images of the split: {shorten(absent)}.",
            hint=f"Unpack the whole archive {archive}.",
        )


def _names_in(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}.") from error
