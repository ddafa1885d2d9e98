"""Own the check of image files before work starts: every one is read, and the bad ones are told together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext

from zoo_core.errors import DataError, UnreadableImageError
from zoo_core.protocols import ImageDataset, Progress

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


def check_images(datasets: Iterable[ImageDataset | None], progress: Progress | None) -> None:
    """Decode every image.

    Raises:
        DataError: Listing those that cannot be decoded or have another size than their annotations say.
    """
    wanted = {dataset.name(i): (dataset, i) for dataset in datasets if dataset is not None for i in range(len(dataset))}

    def read(name: str) -> object:
        dataset, index = wanted[name]
        return dataset[index]

    refuse_unreadable(wanted, read, progress)
