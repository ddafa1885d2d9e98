"""Own the access to image files with their classes, and the check of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

from zoo_core.data.images import read_image
from zoo_core.errors import DataError, UnreadableImageError
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
    unique = sorted(set(paths))
    bad = []
    with nullcontext() if progress is None else progress.track("Checking images", len(unique)) as bar:
        for path in unique:
            try:
                read_image(path)
            except UnreadableImageError as error:
                bad.append(str(error))
            if bar is not None:
                bar.advance()
    if bad:
        more = f"\n  ... and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
        raise DataError(
            f"{len(bad)} of {len(unique)} image files cannot be read:{listed}{more}",
            hint="Repair or remove them, or set dataset.check_image_files: False to go on without them.",
        )
