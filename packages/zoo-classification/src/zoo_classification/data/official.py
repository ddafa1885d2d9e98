"""Own the division of data sets that state their own splits, and the ways to give each split another place.

Validation images are `validation_path`, else the data set's own validation split, else a share of its training images.
The test set is `test_path`, else its own test split, else the validation set. Calibration images are
`quantization_path`, else the training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo_classification.data import folder
from zoo_classification.data.class_folders import ClassFolders, read_class_folders
from zoo_classification.data.class_names import arrange, count_problems
from zoo_classification.data.image_files import ImageFiles, check_images
from zoo_classification.data.official_format import OfficialFormat, draw_layout
from zoo_classification.data.split_sources import PATH_KEYS, SplitSources
from zoo_core.data.fetch import default_folder, fetch
from zoo_core.data.splits import Subset
from zoo_core.data.stated_classes import stated_classes
from zoo_core.errors import DataError
from zoo_core.protocols import (
    PREDICTION,
    QUANTIZATION,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    DataRequest,
    ImageDataset,
    SplitDatasets,
)

OWN_SPLITS = {TRAIN: (TRAIN,), VALIDATION: (VALIDATION, TEST), TEST: (TEST,)}
"""Split -> own splits of a data set that can serve it when its files are named for just that split."""


def divide(official: OfficialFormat, section: Any, request: DataRequest) -> SplitDatasets:
    """Return the splits of a data set; a section that names class folders only is read as such.

    Raises:
        DataError: When files are absent, damaged or contradict the section.
        MissingError: When files are to be fetched and cannot be.
    """
    section, notes = _fetched(official, section, request)
    homes = {
        key: found
        for key in ("data_dir", *PATH_KEYS.values())
        if getattr(section, key) is not None and (found := official.find(getattr(section, key))) is not None
    }
    if homes:
        return _Divider(official, section, request, homes, notes).divide()
    if _names_class_folders(section):
        return folder.build(section, request)
    looked = section.data_dir if section.data_dir is not None else default_folder()
    raise DataError(
        f"dataset.data_dir: {looked} holds no files of {official.title}.\n{draw_layout(official.layout)}",
        hint="Set dataset.data_dir to the folder that holds them"
        + (", or fetch them with dataset.data_download: True." if official.downloads else "."),
    )


def _fetched(official: OfficialFormat, section: Any, request: DataRequest) -> tuple[Any, list[str]]:
    """Fetch the data set where the section asks for it and it is not there; return the section with its folder."""
    paths = [getattr(section, key) for key in PATH_KEYS.values() if getattr(section, key) is not None]
    elsewhere = section.data_dir is None and any(official.find(path) for path in paths)
    if elsewhere or not section.data_download:
        return section, []
    base = section.data_dir if section.data_dir is not None else default_folder()
    section = section.model_copy(update={"data_dir": base})
    home = official.find(base) if base.is_dir() else None
    if home is not None and official.complete(home):
        return section, []
    if request.progress is None:
        raise DataError(f"dataset.data_dir: {base} lacks files of {official.title}.\n{draw_layout(official.layout)}")
    fetch(official.downloads, base, request.progress)
    return section, [f"{official.title} was fetched into {base}."]


def _names_class_folders(section: Any) -> bool:
    """Tell whether the section leads to a tree of class folders."""
    if any(getattr(section, key) is not None for key in PATH_KEYS.values()):
        return True
    base = section.data_dir
    return base is not None and any((base / getattr(section, key)).is_dir() for key in folder.FOLDER_KEYS.values())


class _Divider:
    def __init__(
        self,
        official: OfficialFormat,
        section: Any,
        request: DataRequest,
        homes: dict[str, Path],
        notes: list[str],
    ) -> None:
        self.official = official
        self.section = section
        self.request = request
        self.homes = homes
        self.sources = SplitSources(section, request, notes)
        self.files = {key: official.open(home, section) for key, home in homes.items()}
        self.own = next((self.files[key] for key in ("data_dir", "training_path") if key in self.files), None)
        self.classes = arrange(stated_classes(section), next(iter(self.files.values())).names, official.title)

    def divide(self) -> SplitDatasets:
        self._refuse()
        train, validation = self._train_and_validation()
        test = self._test(validation)
        found: dict[str, ImageDataset | None] = {
            TRAIN: train,
            VALIDATION: validation,
            TEST: test,
            QUANTIZATION: self.sources.quantization(train),
            PREDICTION: self.sources.prediction(test),
        }
        splits = {split: dataset for split, dataset in found.items() if split in self.request.splits}
        texts = self.sources.texts
        if self.request.check_image_files:
            check_images(_paths(splits), self.request.progress)
        return SplitDatasets(
            class_names=self.classes.names,
            class_ids=(),
            **splits,
            sources={split: texts[split] for split in SPLITS if split in splits and split in texts},
            notes=tuple(self.sources.notes),
        )

    def _refuse(self) -> None:
        problems = count_problems(self.section, self.classes.names, training=TRAIN in self.request.splits)
        if problems:
            raise DataError(f"{self.official.title} cannot be used: {'; '.join(problems)}.")

    def _train_and_validation(self) -> tuple[ImageDataset | None, ImageDataset | None]:
        splits = self.request.splits
        test_elsewhere = self._origin(TEST) is not None
        wants_validation = VALIDATION in splits or (splits & {TEST, PREDICTION} and not test_elsewhere)
        origin = self._origin(VALIDATION)
        validation = self._read(VALIDATION, origin) if wants_validation and origin is not None else None
        calibrates = QUANTIZATION in splits and self.section.quantization_path is None
        divides = wants_validation and origin is None
        training = self._origin(TRAIN)
        if training is None or not (TRAIN in splits or calibrates or divides):
            return None, validation
        train = self._read(TRAIN, training)
        if origin is not None:
            self.sources.note_idle_share(self._describe(VALIDATION, origin))
            return train, validation
        kept, held = self.sources.hold_back(train.targets)
        return Subset(train, kept), Subset(train, held)

    def _test(self, validation: ImageDataset | None) -> ImageDataset | None:
        if not self.request.splits & {TEST, PREDICTION}:
            return None
        origin = self._origin(TEST)
        return self.sources.stand_in(validation) if origin is None else self._read(TEST, origin)

    def _origin(self, split: str) -> tuple[str, str] | None:
        """Return the key that names the place of a split, and the data set's own split that is read there.

        The second is empty for class folders.
        """
        key = PATH_KEYS[split]
        if getattr(self.section, key) is not None:
            files = self.files.get(key)
            own = next((name for name in OWN_SPLITS[split] if files is not None and name in files.splits), "")
            return key, own
        if self.own is not None and split in self.own.splits:
            return next(key for key in ("data_dir", "training_path") if key in self.files), split
        return None

    def _read(self, split: str, origin: tuple[str, str]) -> ImageDataset:
        key, own = origin
        self.sources.texts[split] = self._describe(split, origin)
        if own:
            return self.files[key].read(own, self.classes.places)
        tree = read_class_folders(f"dataset.{key}", getattr(self.section, key))
        labels = self.classes.spelling_of(tree.names)
        _refuse_tree(tree, labels)
        return ImageFiles(*tree.flat(labels))

    def _describe(self, split: str, origin: tuple[str, str]) -> str:
        key, own = origin
        return f"the {own} images of {self.official.title}" if own else f"dataset.{key}"


def _refuse_tree(tree: ClassFolders, labels: Sequence[str]) -> None:
    problems = [*tree.problems, *(tree.compare(labels) if tree.files else [])]
    if problems:
        raise DataError(
            "\n".join(["The data set cannot be used:", *(f"  {problem}" for problem in problems)]),
            hint="Expected one folder per class, with the images directly in it.",
        )


def _paths(splits: dict[str, ImageDataset | None]) -> list[Path]:
    """Return the image files of all splits; pixels that lie together in one file were checked when it was opened."""
    names = {dataset.name(index) for dataset in splits.values() if dataset is not None for index in range(len(dataset))}
    return [path for path in map(Path, names) if path.suffix]
