"""Own the data set: where each split comes from, and every reason why it cannot be used."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo_core import DataError, DataRequest, Sample, SplitDatasets
from zoo_core.data.image_files import PlainImages
from zoo_core.data.images import list_images, read_image
from zoo_core.data.readable import check_images
from zoo_core.data.splits import split_indices, take_share
from zoo_core.data.stated_classes import stated_classes
from zoo_core.names import shorten
from zoo_core.protocols import PREDICTION, QUANTIZATION, TEST, TRAIN, VALIDATION, ImageDataset

from zoo_example_dataset.config import ListedImagesSection
from zoo_example_dataset.table import Table, read_table

VALIDATION_SHARE = 0.2
KEYS = {TRAIN: "training_path", VALIDATION: "validation_path", TEST: "test_path"}
FEWEST = 2
"""Classes without which there is nothing to tell apart."""


class ListedImages:
    """Read images one at a time; the numbers of their classes are known without reading."""

    def __init__(self, paths: Sequence[Path], targets: Sequence[int]) -> None:
        """Take paths, and the number of the class of each."""
        self.paths = tuple(paths)
        self.targets: Sequence[int] = tuple(targets)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        """Read one image.

        Raises:
            UnreadableImageError: When the file is empty, truncated or no image.
        """
        path = self.paths[index]
        return Sample(read_image(path), self.targets[index], str(path))

    def name(self, index: int) -> str:
        """Return the path of one image."""
        return str(self.paths[index])

    def pick(self, indices: Iterable[int]) -> "ListedImages":
        """Return some of the images, in the order of the indices."""
        chosen = list(indices)
        return ListedImages([self.paths[index] for index in chosen], [self.targets[index] for index in chosen])


def build(section: ListedImagesSection, request: DataRequest) -> SplitDatasets:
    """Return the splits that a run asks for.

    Validation images are those of `validation_path`, else a share of the training images; the test set is
    `test_path`, else the validation set; calibration images are those of `quantization_path`, a folder, else training
    images.

    Raises:
        DataError: Listing everything that is wrong with the files.
    """
    tables = {split: read_table(f"dataset.{KEYS[split]}", path, section) for split, path in _files(section).items()}
    classes = stated_classes(section) or tuple(sorted({label for table in tables.values() for label in table.labels}))
    _refuse(section, tables, classes)
    labelled = _labelled(section, request, tables, classes)
    found: dict[str, ImageDataset | None] = {**labelled}
    found[QUANTIZATION] = _calibrating(section, request, labelled.get(TRAIN))
    found[PREDICTION] = None if section.prediction_path is None else _unlabelled(PREDICTION, section.prediction_path)
    wanted = {split: images for split, images in found.items() if split in request.splits}
    if request.check_image_files:
        check_images(wanted.values(), request.progress)
    notes = ("No test set is given; the validation set stands in for it.",) if TEST not in tables else ()
    return SplitDatasets(
        class_names=classes,
        train=wanted.get(TRAIN),
        validation=wanted.get(VALIDATION),
        test=wanted.get(TEST),
        quantization=wanted.get(QUANTIZATION),
        prediction=wanted.get(PREDICTION),
        notes=notes if TEST in request.splits else (),
    )


def _files(section: ListedImagesSection) -> dict[str, Path]:
    paths = {split: getattr(section, key) for split, key in KEYS.items()}
    return {split: path for split, path in paths.items() if path is not None}


def _refuse(section: ListedImagesSection, tables: dict[str, Table], classes: Sequence[str]) -> None:
    """Refuse what cannot be used, everything at once.

    Raises:
        DataError: Listing what is wrong.
    """
    problems = [problem for table in tables.values() for problem in table.problems]
    unknown = {table.key: sorted(set(table.labels) - set(classes)) for table in tables.values()}
    known = shorten(classes)
    problems += [f"{key}: no class is called {shorten(names)}, but {known}" for key, names in unknown.items() if names]
    if tables and not problems and len(classes) < FEWEST:
        problems.append(f"there is one class only ({', '.join(classes)}); a classifier needs two or more")
    if section.num_classes is not None and classes and section.num_classes != len(classes):
        problems.append(f"dataset.num_classes is {section.num_classes}, and there are {len(classes)} classes")
    if problems:
        text = "\n".join(["The data set cannot be used:", *(f"  {problem}" for problem in problems)])
        columns = f"{section.path_column} and {section.label_column}"
        raise DataError(text, hint=f"Expected CSV files with the columns {columns}, one image on each line.")


def _labelled(
    section: ListedImagesSection,
    request: DataRequest,
    tables: dict[str, Table],
    classes: Sequence[str],
) -> dict[str, ListedImages]:
    """Return the splits with labels, with those that others stand in for."""
    numbers = {name: number for number, name in enumerate(classes)}
    found = {
        split: ListedImages(table.paths, [numbers[label] for label in table.labels]) for split, table in tables.items()
    }
    if TRAIN in found and VALIDATION not in found:
        whole = found[TRAIN]
        share = section.validation_split or VALIDATION_SHARE
        kept, held = split_indices(len(whole), share, request.seed, labels=whole.targets)
        found[TRAIN], found[VALIDATION] = whole.pick(kept), whole.pick(held)
    if TEST not in found and VALIDATION in found:
        found[TEST] = found[VALIDATION]
    return found


def _calibrating(
    section: ListedImagesSection,
    request: DataRequest,
    train: ListedImages | None,
) -> ImageDataset | None:
    """Return the images that calibrate a quantization."""
    images: ImageDataset | None = train
    if section.quantization_path is not None:
        images = _unlabelled(QUANTIZATION, section.quantization_path)
    return None if images is None else take_share(images, section.quantization_split, request.quantization_seed)


def _unlabelled(split: str, path: Path) -> PlainImages:
    """Return the images below a folder, or one image.

    Raises:
        DataError: When there is none.
    """
    paths = [path] if path.is_file() else list_images(path)
    if not paths:
        msg = f"dataset.{split}_path: {path} holds no images."
        raise DataError(msg)
    return PlainImages(paths)
