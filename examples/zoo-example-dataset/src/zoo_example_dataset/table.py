"""Own the CSV files: the images of one split with their labels, and everything that is wrong with the file."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoo_core import DataError
from zoo_core.data.image_folders import FileIndex
from zoo_core.names import shorten

from zoo_example_dataset.config import ListedImagesSection

TAB = "tab"


@dataclass(frozen=True, slots=True)
class Table:
    """Hold the images of one CSV file, in its order."""

    key: str
    """Key of the `dataset` section that names the file."""
    paths: list[Path] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_table(key: str, path: Path, section: ListedImagesSection) -> Table:
    """Read one file; what is wrong with it is gathered, so that a user sees all of it at once.

    Raises:
        DataError: When the file cannot be read as text.
    """
    table = Table(key)
    seen: set[Path] = set()
    for line, name, label in _rows(table, path, section):
        image = path.parent / name
        if not name or not label:
            table.problems.append(f"{key}: line {line} of {path} lacks {'the path' if not name else 'the label'}")
        elif image in seen:
            table.problems.append(f"{key}: line {line} of {path} lists {name} again")
        else:
            seen.add(image)
            table.paths.append(image)
            table.labels.append(label)
    there = FileIndex()
    absent = [image for image in table.paths if image not in there]
    if absent:
        table.problems.append(f"{key}: {len(absent)} of {len(table.paths)} images do not exist: {shorten(absent)}")
    if not table.paths and not table.problems:
        table.problems.append(f"{key}: {path} lists no images")
    return table


def _rows(table: Table, path: Path, section: ListedImagesSection) -> Iterator[tuple[int, str, str]]:
    """Yield number, path and label of every line; without the columns a problem and nothing else."""
    delimiter = "\t" if section.separator == TAB else section.separator
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter)
            found = tuple(reader.fieldnames or ())
            missing = [name for name in (section.path_column, section.label_column) if name not in found]
            if missing:
                columns = ", ".join(found) or "none"
                table.problems.append(f"{table.key}: {path} has no column {', '.join(missing)}; it has {columns}")
                return
            for row in reader:
                values = (row[section.path_column], row[section.label_column])
                name, label = ((value or "").strip() for value in values)
                yield reader.line_num, name, label
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"dataset.{table.key.removeprefix('dataset.')}: {path} cannot be read as a CSV file: {error}."
        raise DataError(msg) from error
