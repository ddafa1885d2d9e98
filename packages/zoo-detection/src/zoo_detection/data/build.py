"""Own the splits of a detection data set: where each comes from, and every reason why one cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zoo_core.data.image_files import PlainImages
from zoo_core.data.images import list_images
from zoo_core.data.readable import check_images
from zoo_core.data.splits import split_indices, take_share
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
from zoo_detection.data.box_files import BoxFiles
from zoo_detection.data.class_names import choose_names, given_names
from zoo_detection.data.coco import read_coco
from zoo_detection.data.prediction import images_of_file, prediction_images
from zoo_detection.data.sources import COCO, VOC, Reading, Source, find_format, locate
from zoo_detection.data.table import UNKNOWN, BoxTable
from zoo_detection.data.voc import read_voc
from zoo_detection.data.yolo import read_yolo

VALIDATION_SHARE = 0.2


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Read COCO, Pascal VOC or YOLO Darknet annotations and divide the images as ST documents it.

    Validation images are those of `val_images_path`, else a share of the training images; the test set is that of
    `test_images_path`, else the validation set; calibration images come from `quantization_path`, else from training.

    Boxes of classes outside `class_names` are left out. So are boxes that are empty, inverted or of a class that the
    annotations do not declare, with a note; `zoo data check` lists them. Boxes that reach out of their image are cut
    at its border in training only.

    Raises:
        DataError: Listing everything that is wrong with the annotations.
    """
    return _Builder(section, request).build()


class _Builder:
    def __init__(self, section: Any, request: DataRequest) -> None:
        self.section = section
        self.request = request
        self.sources = locate(section)
        self.reading = Reading(progress=request.progress)
        self.texts: dict[str, str] = {}

    def build(self) -> SplitDatasets:
        tables = self._read()
        names = self._names(tables)
        tables = {split: table.with_classes(names) for split, table in tables.items()}
        self._note_left_out(tables)
        train, validation = self._train_and_validation(tables)
        splits: dict[str, ImageDataset | None] = {
            TRAIN: train,
            VALIDATION: validation,
            TEST: self._test(tables, validation),
            QUANTIZATION: self._quantization(train),
            PREDICTION: self._prediction(),
        }
        splits = {split: dataset for split, dataset in splits.items() if split in self.request.splits}
        if self.request.check_image_files:
            check_images(splits.values(), self.request.progress)
        return SplitDatasets(
            class_names=names,
            class_ids=next((table.category_ids for table in tables.values()), ()),
            **splits,
            sources={split: text for split, text in self.texts.items() if split in splits},
            notes=tuple(dict.fromkeys(self.reading.notes)),
        )

    def _needed(self, form: str) -> list[str]:
        """Return the splits whose annotations must be read, training first."""
        splits = self.request.splits
        validation = VALIDATION in splits or (TEST in splits and TEST not in self.sources)
        training = TRAIN in splits or (validation and VALIDATION not in self.sources)
        calibration = QUANTIZATION in splits and self.section.quantization_path is None
        needed = {TRAIN: training or calibration, VALIDATION: validation, TEST: TEST in splits}
        read = [split for split, wanted in needed.items() if wanted and split in self.sources]
        if given_names(self.section):
            return read
        if form == VOC and (read or not self.section.num_classes):
            return [split for split in needed if split in self.sources]  # together they show which classes there are
        return read or [split for split in (VALIDATION, TEST, TRAIN) if split in self.sources][:1]

    def _read(self) -> dict[str, BoxTable]:
        if not self.sources:
            return {}
        form = find_format(self.section, self.sources)
        tables: dict[str, BoxTable] = {}
        seen: dict[tuple[Path, Path, Path | None], BoxTable] = {}
        for split in self._needed(form):
            source = self.sources[split]
            place = (source.images, source.annotations, source.listing)
            if place not in seen:
                seen[place] = self._read_one(form, source)
            tables[split] = seen[place]
        self.reading.problems.refuse()
        return tables

    def _read_one(self, form: str, source: Source) -> BoxTable:
        if form == COCO:
            if not source.annotations.is_file():
                own = source.key.replace("_images_path", "_annotations_path")
                raise DataError(f"{source.annotations} is no COCO file.", hint=f"Name the .json file in {own}.")
            return read_coco(source, self.reading)
        if not source.annotations.is_dir():
            files = "XML" if form == VOC else "text"
            raise DataError(f"{source.annotations} is no folder of {files} files, and the form is {form}.")
        if form == VOC:
            return read_voc(source, self.reading)
        return read_yolo(source, self.reading, given_names(self.section))

    def _names(self, tables: dict[str, BoxTable]) -> tuple[str, ...]:
        form = find_format(self.section, self.sources) if tables else ""
        return choose_names(
            self.section, {self.sources[split].key: table for split, table in tables.items()}, union=form == VOC
        )

    def _note_left_out(self, tables: dict[str, BoxTable]) -> None:
        for split, table in tables.items():
            key = self.sources[split].key
            strange = sorted(set(table.unknown.values()))
            if strange:
                self.reading.notes.append(
                    f"{key}: {len(table.unknown)} boxes of classes that are not declared are left out: "
                    f"{shorten(strange)}."
                )
            flat = int(((table.classes != UNKNOWN) & ~table.usable).sum())
            if flat:
                self.reading.notes.append(
                    f"{key}: {flat} boxes without width or height are left out; zoo data check lists them."
                )

    def _train_and_validation(self, tables: dict[str, BoxTable]) -> tuple[BoxFiles | None, BoxFiles | None]:
        train = validation = None
        if VALIDATION in tables:
            validation = self._filled(VALIDATION, BoxFiles(tables[VALIDATION]))
            if self.section.validation_split is not None:
                key = self.sources[VALIDATION].key
                self.reading.notes.append(f"dataset.validation_split has no effect beside {key}.")
        if TRAIN in tables:
            train = self._filled(TRAIN, BoxFiles(tables[TRAIN]))
            if VALIDATION not in self.sources:
                train, validation = self._hold_back(train)
            if self.section.exclude_unlabeled:
                train = self._without_bare_images(train)
        return train, validation

    def _hold_back(self, whole: BoxFiles) -> tuple[BoxFiles, BoxFiles]:
        share = self.section.validation_split or VALIDATION_SHARE
        kept, held = split_indices(len(whole), share, self.request.seed)
        key = self.texts[TRAIN]
        self.texts[TRAIN], self.texts[VALIDATION] = f"{100 * (1 - share):g} % of {key}", f"{100 * share:g} % of {key}"
        return whole.chosen(kept), whole.chosen(held)

    def _without_bare_images(self, train: BoxFiles) -> BoxFiles:
        labelled = train.labelled()
        if len(labelled) < len(train):
            self.reading.notes.append(
                f"{len(train) - len(labelled)} of {len(train)} training images have no boxes and are left out "
                "(dataset.exclude_unlabeled)."
            )
        if not len(labelled):
            raise DataError(
                "Not one training image has a box.", hint="Check dataset.class_names and the training annotations."
            )
        return labelled

    def _test(self, tables: dict[str, BoxTable], validation: BoxFiles | None) -> BoxFiles | None:
        if TEST not in self.request.splits:
            return None
        if TEST in tables:
            return self._filled(TEST, BoxFiles(tables[TEST]))
        if validation is not None:
            self.texts[TEST] = f"the validation set: {self.texts[VALIDATION]}"
            self.reading.notes.append("No test set is given; the validation set stands in for it.")
        return validation

    def _filled(self, split: str, dataset: BoxFiles) -> BoxFiles:
        """Return a split that has its own images.

        Raises:
            DataError: When there is none.
        """
        source = self.sources[split]
        if not len(dataset):
            raise DataError(f"{source.key}: {source.annotations} is about no image.")
        self.texts[split] = source.key
        return dataset

    def _quantization(self, train: BoxFiles | None) -> ImageDataset | None:
        if QUANTIZATION not in self.request.splits:
            return None
        images: ImageDataset | None = train
        source = "the training set"
        path = self.section.quantization_path
        if path is not None:
            source = "dataset.quantization_path"
            images = PlainImages(list_images(path) if path.is_dir() else images_of_file(path, self._folders()))
            if not len(images):
                raise DataError(f"{source}: {path} holds no images.")
        if images is None:
            return None
        share = self.section.quantization_split
        self.texts[QUANTIZATION] = source if share is None else f"{100 * share:g} % of {source}"
        return take_share(images, share, self.request.quantization_seed)

    def _prediction(self) -> ImageDataset | None:
        if PREDICTION not in self.request.splits or self.section.prediction_path is None:
            return None
        self.texts[PREDICTION] = "dataset.prediction_path"
        return prediction_images(self.section.prediction_path, self._folders())

    def _folders(self) -> list[Path]:
        """Return the image folders in which the images of a COCO file are looked for, the likeliest first."""
        return list(
            dict.fromkeys(self.sources[split].images for split in (VALIDATION, TEST, TRAIN) if split in self.sources)
        )
