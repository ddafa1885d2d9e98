"""Own the check of image files before work starts: every one is read, and the bad ones are told together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import nullcontext

from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import Progress

SHOWN = 20


def refuse_unreadable(names: Collection[str], read: Callable[[str], object], progress: Progress | None) -> None:
    """Read every image once, in the order of their names.

    Args:
        names: Paths or other names of the images.
        read: Reads the image of a name.
        progress: Where it is shown.

    Raises:
        DataError: Listing the images that `read` cannot read.
    """
    bad = []
    with nullcontext() if progress is None else progress.track("Checking images", len(names)) as bar:
        for name in sorted(names):
            try:
                read(name)
            except UnreadableImageError as error:
                bad.append(str(error))
            if bar is not None:
                bar.advance()
    if bad:
        more = f"\n  ... and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        listed = "".join(f"\n  {line}" for line in bad[:SHOWN])
        raise DataError(
            f"{len(bad)} of {len(names)} image files cannot be read:{listed}{more}",
            hint="Repair or remove them, or set dataset.check_image_files: False to go on without them.",
        )
