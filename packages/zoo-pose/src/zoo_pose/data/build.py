"""Own the splits of a data set of poses: where each comes from, and every reason why one cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from zoo_pose.data.coco import read_coco
from zoo_pose.data.csv_table import read_csv
from zoo_pose.data.pose_files import PoseFiles
from zoo_pose.data.prediction import plain_images
from zoo_pose.data.selection import select
from zoo_pose.data.sources import COCO, YOLO, Reading, Source, find_format, locate
from zoo_pose.data.table import PoseTable
from zoo_pose.data.yolo import read_yolo
from zoo_pose.skeletons import Skeleton, known, same_names, skeleton_of, stated_names

VALIDATION_SHARE = 0.2
READERS = {COCO: read_coco, YOLO: read_yolo}


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Read YOLO Darknet, COCO or CSV keypoints and divide the images as ST documents it.

    Validation images are those of `validation_path`, else a share of the training images; the test set is that of
    `test_path`, else the validation set; calibration images come from `quantization_path`, else from training.

    The names of the keypoints stand as classes. Poses whose box has no width or height are left out with a note.

    Raises:
        DataError: Listing everything that is wrong with the annotations.
        UserError: Listing everything in the section that does not fit their keypoints.
    """
    return _Builder(section, request).build()


class _Builder:
    def __init__(self, section: Any, request: DataRequest) -> None:
        self.section = section
        self.request = request
        self.sources = locate(section)
        stated = section.keypoints or len(stated_names(section)) or None
        self.reading = Reading(keypoints=stated, stated=stated is not None, progress=request.progress)
        self.texts: dict[str, str] = {}
        self.skeleton: Skeleton | None = None

    def build(self) -> SplitDatasets:
        tables = self._read()
        self._choose_skeleton(tables)
        tables = self._selected(tables)
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
            class_names=() if self.skeleton is None else self.skeleton.names,
            train=splits.get(TRAIN),
            validation=splits.get(VALIDATION),
            test=splits.get(TEST),
            quantization=splits.get(QUANTIZATION),
            prediction=splits.get(PREDICTION),
            sources={split: text for split, text in self.texts.items() if split in splits},
            notes=tuple(dict.fromkeys(self.reading.notes)),
        )

    def _needed(self) -> list[str]:
        """Return the splits whose annotations must be read, training first."""
        splits = self.request.splits
        validation = VALIDATION in splits or (TEST in splits and TEST not in self.sources)
        training = TRAIN in splits or (validation and VALIDATION not in self.sources)
        calibration = QUANTIZATION in splits and self.section.quantization_path is None
        needed = {TRAIN: training or calibration, VALIDATION: validation, TEST: TEST in splits}
        read = [split for split, wanted in needed.items() if wanted and split in self.sources]
        if read or self.reading.stated:
            return read
        return [split for split in (VALIDATION, TEST, TRAIN) if split in self.sources][:1]

    def _read(self) -> dict[str, PoseTable]:
        tables: dict[str, PoseTable] = {}
        seen: dict[tuple[Path, Path], PoseTable] = {}
        for split in self._needed():
            source = self.sources[split]
            place = (source.images, source.annotations)
            if place not in seen:
                seen[place] = self._read_one(source)
            tables[split] = seen[place]
        self.reading.problems.refuse()
        return self._of_one_number(tables)

    def _read_one(self, source: Source) -> PoseTable:
        form = find_format(self.section, source)
        if (form == YOLO) is source.annotations.is_file():
            expected = "a folder of text files" if form == YOLO else f"a .{'json' if form == COCO else 'csv'} file"
            raise DataError(
                f"{source.key}: {source.annotations} is not {expected}, and the form is {form}.",
                hint="Correct dataset.format or the path of the annotations.",
            )
        return READERS.get(form, read_csv)(source, self.reading)

    def _of_one_number(self, tables: dict[str, PoseTable]) -> dict[str, PoseTable]:
        """Return the tables with the same number of keypoints each.

        Raises:
            DataError: When they differ, or nothing tells the number.
        """
        wanted = self.reading.keypoints
        if not tables:
            return tables
        if not wanted:
            raise DataError(
                f"{', '.join(self.sources[split].key for split in tables)}: there are no poses that show how many "
                "keypoints one has.",
                hint="Set dataset.keypoints, or check the annotations.",
            )
        tables = {split: table.with_keypoints(wanted) for split, table in tables.items()}
        origin = "dataset.keypoints" if self.section.keypoints else self.sources[next(iter(tables))].key
        differing = [
            f"{self.sources[split].key}: {self.sources[split].annotations} has {table.keypoints} keypoints, and by "
            f"{origin} a pose has {wanted}."
            for split, table in tables.items()
            if table.keypoints != wanted
        ]
        if differing:
            raise DataError("\n".join(differing), hint="Correct dataset.keypoints, or name other annotations.")
        return tables

    def _choose_skeleton(self, tables: dict[str, PoseTable]) -> None:
        keypoints = self.reading.keypoints
        if not keypoints:
            return
        first = next(iter(tables.values()), None)
        names, links = ((), ()) if first is None else (first.names, first.links)
        self.skeleton = skeleton_of(self.section, keypoints, names=names, links=links)
        given = self.section.class_names or ()
        if given and len(given) != keypoints:
            self.reading.notes.append(
                f"dataset.class_names ({shorten(given)}) is put aside: what a pose estimator tells apart are its "
                f"{keypoints} keypoints."
            )
        standard = known(keypoints)
        if standard and not same_names(self.skeleton.names, standard.names) and self.section.flip_pairs is None:
            self.reading.notes.append(
                f"The {keypoints} keypoints ({shorten(self.skeleton.names)}) are not those that are known by that "
                f"number ({shorten(standard.names)}): in mirrored images {len(self.skeleton.pairs)} pairs change "
                "places, which dataset.flip_pairs can change, and spreads are equal, which dataset.sigmas can change."
            )

    def _selected(self, tables: dict[str, PoseTable]) -> dict[str, PoseTable]:
        """Return the tables with the images that fit `dataset.pose`, and note the poses that cannot be used."""
        for split, table in tables.items():
            key, flat = self.sources[split].key, int((~table.usable).sum())
            if not len(table):
                raise DataError(f"{key}: {self.sources[split].annotations} is about no image.")
            if flat:
                self.reading.notes.append(
                    f"{key}: {flat} poses whose box has no width or height are left out; zoo data check lists them."
                )
            tables[split] = select(table, self.section.pose, key, self.reading.notes)
        return tables

    def _train_and_validation(self, tables: dict[str, PoseTable]) -> tuple[PoseFiles | None, PoseFiles | None]:
        validation = self._files(VALIDATION, tables)
        if validation is not None and self.section.validation_split is not None:
            key = self.sources[VALIDATION].key
            self.reading.notes.append(f"dataset.validation_split has no effect beside {key}.")
        train = self._files(TRAIN, tables)
        if train is not None:
            if not train.table.trained.any():
                raise DataError(
                    f"{self.sources[TRAIN].key}: not one training image has a labelled keypoint.",
                    hint="Check the training annotations.",
                )
            if VALIDATION not in self.sources:
                train, validation = self._hold_back(train)
        return train, validation

    def _hold_back(self, whole: PoseFiles) -> tuple[PoseFiles, PoseFiles]:
        if len(whole) == 1:
            raise DataError(
                f"{self.texts[TRAIN]} leads to one image, which cannot be divided into training and validation.",
                hint="Set dataset.validation_path.",
            )
        share = self.section.validation_split or VALIDATION_SHARE
        kept, held = split_indices(len(whole), share, self.request.seed)
        key = self.texts[TRAIN]
        self.texts[TRAIN], self.texts[VALIDATION] = f"{100 * (1 - share):g} % of {key}", f"{100 * share:g} % of {key}"
        return whole.chosen(kept), whole.chosen(held)

    def _test(self, tables: dict[str, PoseTable], validation: PoseFiles | None) -> PoseFiles | None:
        if TEST not in self.request.splits:
            return None
        own = self._files(TEST, tables)
        if own is not None:
            return own
        if validation is not None:
            self.texts[TEST] = f"the validation set: {self.texts[VALIDATION]}"
            self.reading.notes.append("No test set is given; the validation set stands in for it.")
        return validation

    def _files(self, split: str, tables: dict[str, PoseTable]) -> PoseFiles | None:
        """Return a split that has its own images."""
        if split not in tables or self.skeleton is None:
            return None
        self.texts[split] = self.sources[split].key
        return PoseFiles(tables[split], self.skeleton)

    def _quantization(self, train: PoseFiles | None) -> ImageDataset | None:
        if QUANTIZATION not in self.request.splits:
            return None
        images: ImageDataset | None = train
        source = "the training set"
        if self.section.quantization_path is not None:
            source = "dataset.quantization_path"
            images = plain_images(source, self.section.quantization_path, self._folders(), video=False)
        if images is None:
            return None
        share = self.section.quantization_split
        self.texts[QUANTIZATION] = source if share is None else f"{100 * share:g} % of {source}"
        return take_share(images, share, self.request.quantization_seed)

    def _prediction(self) -> ImageDataset | None:
        if PREDICTION not in self.request.splits or self.section.prediction_path is None:
            return None
        self.texts[PREDICTION] = "dataset.prediction_path"
        return plain_images(self.texts[PREDICTION], self.section.prediction_path, self._folders(), video=True)

    def _folders(self) -> list[Path]:
        """Return the image folders in which the images of a COCO file are looked for, the likeliest first."""
        return list(
            dict.fromkeys(self.sources[split].images for split in (VALIDATION, TEST, TRAIN) if split in self.sources)
        )
