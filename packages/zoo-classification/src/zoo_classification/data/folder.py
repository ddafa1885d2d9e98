"""Own folder-per-class data sets: where each split comes from, and every reason why one cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo_classification.config import ImageNetSection
from zoo_classification.data.class_folders import ClassFolders, read_class_folders
from zoo_classification.data.class_names import count_problems, folder_order
from zoo_classification.data.image_files import ImageFiles, check_images
from zoo_classification.data.split_sources import PATH_KEYS, SplitSources
from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.names import shorten
from zoo_core.protocols import (
    PREDICTION,
    QUANTIZATION,
    TEST,
    TRAIN,
    VALIDATION,
    DataRequest,
    ImageDataset,
    SplitDatasets,
)

FOLDER_KEYS = {TRAIN: "train_split", VALIDATION: "val_split", TEST: "test_split"}


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Divide a data set as ST documents it.

    Validation images come from `validation_path`, else from a share of the training images; the test set is
    `test_path`, else the validation set; calibration images come from `quantization_path`, else from training.

    Raises:
        DataError: Listing everything that is wrong with the folders.
    """
    return _Builder(section, request).build()


class _Builder:
    def __init__(self, section: Any, request: DataRequest) -> None:
        self.section = section
        self.request = request
        self.roots = _locate(section)
        self.sources = SplitSources(section, request)

    def build(self) -> SplitDatasets:
        trees = {split: read_class_folders(self._key(split), self.roots[split]) for split in self._needed()}
        given = stated_classes(self.section)
        order = folder_order(given, list(trees.values()), may_rename=isinstance(self.section, ImageNetSection))
        self._refuse(trees, order)
        train, validation = self._train_and_validation(trees, order)
        test = self._test(trees, order, validation)
        splits: dict[str, ImageDataset | None] = {
            TRAIN: train,
            VALIDATION: validation,
            TEST: test,
            QUANTIZATION: self.sources.quantization(train),
            PREDICTION: self.sources.prediction(),
        }
        splits = {split: dataset for split, dataset in splits.items() if split in self.request.splits}
        if self.request.check_image_files:
            check_images(_paths(splits), self.request.progress)
        return SplitDatasets(
            class_names=given or order,
            class_ids=(),
            **splits,
            sources={split: text for split, text in self.sources.texts.items() if split in splits},
            notes=tuple(self.sources.notes),
        )

    def _needed(self) -> list[str]:
        """Return the trees that must be read, the one that names the classes first."""
        splits = self.request.splits
        validation = VALIDATION in splits or (TEST in splits and TEST not in self.roots)
        training = TRAIN in splits or (validation and VALIDATION not in self.roots)
        calibration = QUANTIZATION in splits and self.section.quantization_path is None
        needed = {
            TRAIN: training or calibration,
            VALIDATION: validation,
            TEST: TEST in splits,
        }
        read = [split for split, wanted in needed.items() if wanted and split in self.roots]
        if not read and not self.section.class_names and self.section.classes_file_path is None:
            read = [split for split in PATH_KEYS if split in self.roots][:1]  # only to learn the names
        return read

    def _refuse(self, trees: dict[str, ClassFolders], order: tuple[str, ...]) -> None:
        training = TRAIN in self.request.splits
        problems = count_problems(self.section, order, training=training)
        for split, tree in trees.items():
            problems += tree.problems
            if tree.files:
                complete = TRAIN in trees or stated_classes(self.section) is None
                problems += tree.compare(order, complete=complete)
                if not complete and len(tree.files) < len(order):
                    self.sources.notes.append(f"{tree.key} has folders for {len(tree.files)} of {len(order)} classes.")
            empty = [name for name in order if name in tree.files and not tree.files[name]]
            if empty and split == TRAIN and any(tree.files.values()):
                problems.append(f"{tree.key}: no images in the class folders {shorten(empty)} of {tree.root}")
        if problems:
            raise DataError(
                "\n".join(["The data set cannot be used:", *(f"  {problem}" for problem in problems)]),
                hint="Expected one folder per class, with the images directly in it, the same classes in every split.",
            )

    def _train_and_validation(
        self, trees: dict[str, ClassFolders], order: tuple[str, ...]
    ) -> tuple[ImageDataset | None, ImageDataset | None]:
        train: ImageDataset | None = None
        validation: ImageDataset | None = None
        if VALIDATION in trees:
            validation = ImageFiles(*trees[VALIDATION].flat(order))
            self.sources.texts[VALIDATION] = self._key(VALIDATION)
            self.sources.note_idle_share(self._key(VALIDATION))
        if TRAIN in trees:
            paths, targets = trees[TRAIN].flat(order)
            train = ImageFiles(paths, targets)
            self.sources.texts[TRAIN] = self._key(TRAIN)
            if VALIDATION not in self.roots:
                kept, held = self.sources.hold_back(targets)
                train, validation = _pick(paths, targets, kept), _pick(paths, targets, held)
        return train, validation

    def _test(
        self, trees: dict[str, ClassFolders], order: tuple[str, ...], validation: ImageDataset | None
    ) -> ImageDataset | None:
        if TEST not in self.request.splits:
            return None
        if TEST in trees:
            self.sources.texts[TEST] = self._key(TEST)
            return ImageFiles(*trees[TEST].flat(order))
        return self.sources.stand_in(validation)

    def _key(self, split: str) -> str:
        own = PATH_KEYS[split]
        given = getattr(self.section, own) is not None
        return f"dataset.{own if given else 'data_dir'}"


def _locate(section: Any) -> dict[str, Path]:
    """Return the folder of each split that has one.

    Raises:
        DataError: When `data_dir` holds neither layout.
    """
    roots = {split: getattr(section, key) for split, key in PATH_KEYS.items()}
    if section.data_dir is not None:
        base = section.data_dir
        name = section.dataset_name or ""
        below = [base / spelling for spelling in (name, name.casefold()) if spelling and (base / spelling).is_dir()]
        base = below[0] if below else base
        for split, key in FOLDER_KEYS.items():
            folder = base / getattr(section, key)
            if roots[split] is None and folder.is_dir():
                roots[split] = folder
        if not any(roots.values()):
            wanted = " and ".join(getattr(section, FOLDER_KEYS[split]) for split in (TRAIN, VALIDATION))
            where = f"neither directly nor below {name}" if name else "directly"
            raise DataError(
                f"dataset.data_dir: {section.data_dir} holds no folders {wanted}, {where}.",
                hint="Name the folders in dataset.train_split and dataset.val_split, or set dataset.training_path.",
            )
    return {split: path for split, path in roots.items() if path is not None}


def _pick(paths: list[Path], targets: list[int], indices: list[int]) -> ImageFiles:
    return ImageFiles([paths[index] for index in indices], [targets[index] for index in indices])


def _paths(splits: dict[str, ImageDataset | None]) -> list[Path]:
    datasets = [dataset for dataset in splits.values() if dataset is not None]
    return [Path(dataset.name(index)) for dataset in datasets for index in range(len(dataset))]
