"""Own what the writers of data sets share: names for images, putting them in place, the account of what was written."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.errors import DataError, UserError

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Account for a data set that was written."""

    section: Mapping[str, Any]
    """Keys of the `dataset` section that lead to it; paths are relative to its folder.

    The classes are added unless `class_names` stands here; None leaves them out.
    """
    images: Mapping[str, int]
    """Number of images of each split."""
    notes: tuple[str, ...] = ()
    """What was left out or changed."""


class FileNames:
    """Give every image of a folder a file name of its own: that of its source where it is free."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, source: Path) -> str:
        """Return the name of a source, with `_2`, `_3` before the ending when its stem is taken.

        Stems count, whatever the ending and the case, since annotations are found by them.
        """
        stem, number = source.stem, 1
        while stem.casefold() in self._taken:
            number += 1
            stem = f"{source.stem}_{number}"
        self._taken.add(stem.casefold())
        return f"{stem}{source.suffix}"


def place_file(source: Path, target: Path, *, link: bool) -> None:
    """Copy a file, or make a symbolic link to it.

    Raises:
        DataError: When the source cannot be read.
        OSError: When the target cannot be written.
        UserError: When the file system has no links.
    """
    try:
        if link:
            target.symlink_to(source.resolve())
        else:
            shutil.copyfile(source, target)
    except NotImplementedError as error:
        raise UserError(f"{target.parent} takes no links.", hint="Run again without --link.") from error
    except OSError as error:
        if link and (error.errno in _NO_LINKS or getattr(error, "winerror", None) is not None):
            raise UserError(f"{target.parent} takes no links: {error}.", hint="Run again without --link.") from error
        if not link and error.filename == str(source) and error.filename2 is None:
            raise DataError(f"{source} cannot be read: {error.strerror or error}.") from error
        raise
