"""Own the reading of one folder-per-class tree: which images belong to which class, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.images import is_image_name
from zoo_core.errors import DataError
from zoo_core.names import shorten

SHOWN = 5
"""Number of names that a message lists."""


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """Hold the images of one tree by class folder, and the problems of the tree in words."""

    key: str
    """Key of the configuration that names the tree, such as `dataset.training_path`."""
    root: Path
    files: Mapping[str, tuple[Path, ...]]
    """Class folder -> its image files, both sorted."""
    problems: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the class folders."""
        return tuple(self.files)

    def compare(self, classes: Sequence[str], *, complete: bool = True) -> list[str]:
        """Return in words how the folders differ from a list of classes; `complete` asks for a folder for each."""
        missing = [name for name in classes if name not in self.files]
        unknown = [name for name in self.files if name not in set(classes)]
        found = []
        if missing and complete:
            found.append(f"{self.key}: {self.root} has no folder for {shorten(missing)}")
        if unknown:
            found.append(f"{self.key}: {self.root} has folders of no class: {shorten(unknown)}")
        return found

    def flat(self, classes: Sequence[str]) -> tuple[list[Path], list[int]]:
        """Return all image files and the index of the class of each."""
        paths: list[Path] = []
        targets: list[int] = []
        for index, name in enumerate(classes):
            images = self.files.get(name, ())
            paths.extend(images)
            targets.extend([index] * len(images))
        return paths, targets


def read_class_folders(key: str, root: Path) -> ClassFolders:
    """Look through a tree without reading images; hidden files and folders are left out.

    Raises:
        DataError: When the folder does not exist or cannot be read.
    """
    problems: list[str] = []
    files: dict[str, tuple[Path, ...]] = {}
    try:
        folders, loose = _list(root)
        for folder in folders:
            nested, images = _list(folder)
            files[folder.name] = tuple(images)
            if nested:
                names = shorten([path.name for path in nested])
                problems.append(
                    f"{key}: class folder {folder} holds other folders ({names}); images lie directly in it"
                )
    except OSError as error:
        raise DataError(f"{key}: {error.filename} cannot be read: {error.strerror}.") from error
    if loose:
        names = shorten([path.name for path in loose])
        problems.append(f"{key}: {root} holds images outside any class folder: {names}")
    if not files:
        problems.append(f"{key}: {root} holds no class folders")
    elif not any(files.values()):
        problems.append(f"{key}: {root} holds no images")
    return ClassFolders(key, root, files, tuple(problems))


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders and the image files of a folder, each sorted by name."""
    folders, images = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry.path)
            if entry.is_dir():
                folders.append(path)
            elif is_image_name(path):
                images.append(path)
    return sorted(folders), sorted(images)
