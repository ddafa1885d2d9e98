"""Own the conversion of a configuration's data set to another form, all of its splits or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoo_core.config.load import LoadedConfig
from zoo_core.errors import DataError, RunStoreError, UserError
from zoo_core.lazy import LazyRef
from zoo_core.names import did_you_mean
from zoo_core.protocols import TEST, TRAIN, VALIDATION, Progress, SplitDatasets
from zoo_core.services.data import available_splits, data_context, same_images

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import DatasetSpec

SECTION_FILE = "dataset.yaml"
"""File beside the written data set that holds the `dataset` section leading to it."""
UNFINISHED = ".unfinished"
"""Folder inside the new one that holds everything until it is complete."""
SAME_TEST = "The test set has the images of the validation set and is not written a second time."
LABELLED = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Report a data set that was written."""

    format: str
    folder: Path
    images: Mapping[str, int]
    class_names: tuple[str, ...]
    section: Mapping[str, Any]
    """`dataset` section that leads to it; paths are relative to the folder."""
    notes: tuple[str, ...]

    @property
    def section_file(self) -> Path:
        """Return the file that holds the section."""
        return self.folder / SECTION_FILE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": self.format,
            "folder": str(self.folder.resolve()),
            "images": dict(self.images),
            "class_names": list(self.class_names),
            "dataset": dict(self.section),
            "notes": list(self.notes),
        }


def convert_data(
    loaded: LoadedConfig, catalog: Catalog, progress: Progress, *, to: str, folder: Path, link: bool
) -> Conversion:
    """Write every labelled split that a configuration leads to in another form.

    Until everything is complete it lies in the folder `.unfinished` inside the new one.

    Args:
        loaded: The configuration.
        catalog: What is installed.
        progress: Where bars are shown.
        to: Name of the data set format, such as `voc`.
        folder: Folder to write, which is absent or empty.
        link: Whether images are linked instead of copied.

    Raises:
        DataError: When the configuration leads to no labelled images, or they cannot be read.
        UserError: When nothing writes that format, or the folder is not empty.
        RunStoreError: When the folder cannot be written.
    """
    entry, reference = _writer(to, loaded, catalog)
    _refuse_folder(folder)
    context = data_context(loaded, available_splits(loaded) & set(LABELLED), progress)
    datasets = _labelled(context.datasets)
    again = context.datasets.test is not None and datasets.test is None
    write = entry.load(reference)
    with _in_parts(folder) as place:
        with context.code_of(entry, "writing"), _disk_errors(folder):
            written = write(datasets, place, link=link, progress=progress)
        told = {"class_names": list(datasets.class_names), **written.section}
        known = {key: told[key] for key in _in_order(told) if told[key] is not None}
        section = {"dataset_name": entry.spec.name, **known}
        text = yaml.safe_dump({"dataset": section}, sort_keys=False, allow_unicode=True, default_flow_style=None)
        (place / SECTION_FILE).write_text(text, encoding="utf-8")
    return Conversion(
        format=entry.spec.name,
        folder=folder,
        images=written.images,
        class_names=datasets.class_names,
        section=section,
        notes=(*datasets.notes, *([SAME_TEST] if again else []), *written.notes),
    )


def _in_order(section: Mapping[str, Any]) -> list[str]:
    """Return the keys of a section with the long list of classes last."""
    return sorted(section, key=lambda key: key == "class_names")


def _writer(
    name: str, loaded: LoadedConfig, catalog: Catalog
) -> tuple[Resolved[DatasetSpec], LazyRef[Callable[..., Any]]]:
    """Return what writes a format of the configuration's use case.

    Raises:
        UserError: When nothing does.
    """
    task = loaded.selection.task.spec.name
    able = [entry for entry in catalog.datasets.find("*", task) if entry.spec.writer is not None]
    if not able:
        raise UserError(f"Data sets of the use case {task} cannot be converted: no plugin writes any.")
    folded = name.casefold()
    for entry in able:
        labels = {label.casefold() for label in (entry.spec.name, *entry.spec.aliases, entry.qualified)}
        if folded in labels and entry.spec.writer is not None:
            return entry, entry.spec.writer
    names = [entry.spec.name for entry in able]
    raise UserError(
        f'Nothing writes the data set format "{name}".',
        hint=did_you_mean(name, names) or f"Formats that can be written: {', '.join(names)}",
    )


def _labelled(datasets: SplitDatasets) -> SplitDatasets:
    """Return the splits to write, without a test set that is only the validation set again.

    Raises:
        DataError: When there is none.
    """
    if same_images(datasets.test, datasets.validation):
        datasets = replace(datasets, test=None)
    if all(datasets.get(split) is None for split in LABELLED):
        raise DataError("The configuration leads to no labelled images.", hint="Set the paths of the dataset section.")
    return datasets


def _refuse_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, not a folder.", hint="Choose another folder with --output DIR.")
    if (folder / UNFINISHED).exists():
        raise UserError(
            f"{folder} holds what an interrupted conversion left.",
            hint=f"Remove {folder} and run the same command again.",
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty.", hint="Choose a new or an empty folder with --output DIR.")


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Say which folder cannot be written, and why.

    Raises:
        RunStoreError: In place of an error of the disk.
    """
    try:
        yield
    except OSError as error:
        raise RunStoreError(
            f"Cannot write {error.filename or folder}: {error.strerror or error}.",
            hint="Make room, or choose another folder with --output DIR.",
        ) from error


@contextmanager
def _in_parts(folder: Path) -> Iterator[Path]:
    """Give a place inside the folder; what lies there in the end moves up, and nothing stays when that is not reached.

    Raises:
        RunStoreError: When the folder cannot be written.
    """
    place = folder / UNFINISHED
    existed = folder.is_dir()
    with _disk_errors(folder):
        place.mkdir(parents=True)
        try:
            yield place
            for path in sorted(place.iterdir(), key=lambda path: path.name == SECTION_FILE):
                path.rename(folder / path.name)
            place.rmdir()
        except BaseException:
            shutil.rmtree(place if existed else folder, ignore_errors=True)
            raise
