"""Own the examination of a configuration's images: the same splits and the same preprocessing that a run would use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.config.load import LoadedConfig
from zoo_core.errors import DataError, UserError
from zoo_core.protocols import (
    PREDICTION,
    QUANTIZATION,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    ImageDataset,
    Progress,
    SplitDatasets,
)
from zoo_core.runs.layout import RunLayout
from zoo_core.services.context import RunContext

if TYPE_CHECKING:
    from zoo_core.data.inspection.findings import Finding
    from zoo_core.data.inspection.labels import LabelStatistics
    from zoo_core.data.inspection.statistics import ChannelStatistics
    from zoo_core.data.inspection.survey import Survey

MEASURED = (TRAIN, QUANTIZATION, VALIDATION, TEST, PREDICTION)
"""Splits by which mean and deviation are computed, the first that exists."""
LABELLED = (TRAIN, VALIDATION, TEST)
"""Splits whose labels are judged."""
COMMON_SIZES = 5
"""Number of image sizes that a report names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """Hold what was found in the images of a configuration."""

    file: str
    dataset: str
    class_names: tuple[str, ...]
    surveys: tuple[Survey, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Split -> number of labels of each class, for labels that are more than the class of an image."""

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Return what must be mended."""
        return tuple(finding for finding in self.findings if finding.problem)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "valid": not self.problems,
            "file": self.file,
            "dataset": self.dataset,
            "class_names": list(self.class_names),
            "splits": [self._split_document(survey) for survey in self.surveys],
            "problems": [_finding_document(finding) for finding in self.findings if finding.problem],
            "remarks": [_finding_document(finding) for finding in self.findings if not finding.problem],
            "notes": list(self.notes),
        }

    def _split_document(self, survey: Survey) -> dict[str, Any]:
        counts = self.labels.get(survey.split)
        return {**_survey_document(survey), **({} if counts is None else {"labels": dict(counts)})}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataStatistics:
    """Hold what was measured on the training images, and on their labels where these can be measured."""

    channels: ChannelStatistics
    labels: LabelStatistics | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self.channels.to_dict(), **({} if self.labels is None else {"labels": dict(self.labels.document)})}


def check_data(loaded: LoadedConfig, progress: Progress) -> DataReport:
    """Read every image that a configuration leads to, once.

    Raises:
        DataError: When the data set cannot be divided at all.
    """
    from zoo_core.data.inspection.findings import find_all, sort_findings
    from zoo_core.data.inspection.labels import LabelInspection
    from zoo_core.data.inspection.survey import survey_split

    datasets = data_context(loaded, available_splits(loaded), progress).datasets
    workers = loaded.config.dataset.workers
    surveys = tuple(
        survey_split(
            split,
            dataset,
            datasets.class_names,
            source=datasets.sources.get(split, ""),
            workers=workers,
            progress=progress,
        )
        for split, dataset in _distinct(datasets)
    )
    if not surveys:
        raise DataError("The configuration leads to no images.", hint="Set dataset.training_path or dataset.data_dir.")
    inspected = {
        survey.split: survey.dataset
        for survey in surveys
        if survey.split in LABELLED and isinstance(survey.dataset, LabelInspection)
    }
    about_labels = [finding for split, dataset in inspected.items() for finding in dataset.label_findings(split)]
    return DataReport(
        file="" if loaded.composed.file is None else str(loaded.composed.file.resolve()),
        dataset=_name(loaded),
        class_names=datasets.class_names,
        surveys=surveys,
        findings=sort_findings([*find_all(surveys), *about_labels]),
        notes=datasets.notes,
        labels={split: dataset.label_counts() for split, dataset in inspected.items()},
    )


def data_statistics(loaded: LoadedConfig, progress: Progress) -> DataStatistics:
    """Return mean and deviation of each channel of the training images, as the model would see them.

    Labels that are more than the class of an image are measured too.

    Raises:
        DataError: When there are no images.
        UserError: When the use case prepares images in a way of its own.
    """
    from zoo_core.data.inspection.labels import LabelInspection
    from zoo_core.data.inspection.statistics import channel_statistics
    from zoo_core.data.preprocessing import ImagePreprocessing

    available = available_splits(loaded)
    context = data_context(loaded, available & {TRAIN} or available, progress)
    found = next(((name, images) for name in MEASURED if (images := context.datasets.get(name)) is not None), None)
    if found is None:
        raise DataError("The configuration leads to no images.", hint="Set dataset.training_path or dataset.data_dir.")
    preprocessing = context.task.preprocessing
    if not isinstance(preprocessing, ImagePreprocessing):
        raise UserError(f"Use case {loaded.config.use_case} prepares images in a way of its own.")
    split, images = found
    workers = loaded.config.dataset.workers
    return DataStatistics(
        channels=channel_statistics(split, images, preprocessing, workers=workers, progress=progress),
        labels=images.label_statistics() if isinstance(images, LabelInspection) else None,
    )


def data_context(loaded: LoadedConfig, splits: frozenset[str], progress: Progress) -> RunContext:
    """Return what a run would share, without the check of image files that would end it at the first bad one."""
    dataset = loaded.config.dataset.model_copy(update={"check_image_files": False})
    loaded = replace(loaded, config=loaded.config.model_copy(update={"dataset": dataset}))
    return RunContext(loaded, RunLayout(Path()), progress, splits=splits, seed=0)


def available_splits(loaded: LoadedConfig) -> frozenset[str]:
    """Return the splits with images of their own that the configuration names, whatever its operation mode reads."""
    section = loaded.config.dataset
    found = {split for split in SPLITS if not section.missing_for([split])}
    for split in (PREDICTION, QUANTIZATION):
        keys = [key for key in type(section).model_fields if key.startswith(f"{split}_") and key.endswith("_path")]
        if all(getattr(section, key) is None for key in keys):
            found.discard(split)  # the test images, or a share of the training images
    return frozenset(found)


def _distinct(datasets: SplitDatasets) -> Iterator[tuple[str, ImageDataset]]:
    """Yield the splits, without a test set that is the validation set."""
    for split in SPLITS:
        dataset = datasets.get(split)
        if dataset is not None and not (split == TEST and same_images(dataset, datasets.validation)):
            yield split, dataset


def same_images(one: ImageDataset | None, other: ImageDataset | None) -> bool:
    """Tell whether two splits are made of the same files."""
    if one is None or other is None or len(one) != len(other):
        return False
    return one is other or all(one.name(index) == other.name(index) for index in range(len(one)))


def _name(loaded: LoadedConfig) -> str:
    chosen = loaded.selection.dataset
    return "" if chosen is None else chosen.name


def _survey_document(survey: Survey) -> dict[str, Any]:
    return {
        "split": survey.split,
        "source": survey.source,
        "images": survey.images,
        "unreadable": [{"path": file.path, "reason": file.reason} for file in survey.unreadable],
        "classes": survey.classes,
        "sizes": size_summary(survey.sizes),
        "modes": dict(survey.modes.most_common()),
    }


def size_summary(sizes: Counter[tuple[int, int]]) -> Mapping[str, Any]:
    """Return the range of (width, height) in pixels, and the sizes that occur most."""
    if not sizes:
        return {"distinct": 0}
    widths, heights = ([size[axis] for size in sizes.elements()] for axis in (0, 1))
    return {
        "distinct": len(sizes),
        "width": _range(widths),
        "height": _range(heights),
        "common": [{"width": w, "height": h, "images": count} for (w, h), count in sizes.most_common(COMMON_SIZES)],
    }


def _range(values: list[int]) -> dict[str, int]:
    values.sort()
    return {"smallest": values[0], "median": values[len(values) // 2], "largest": values[-1]}


def _finding_document(finding: Finding) -> dict[str, Any]:
    return {"kind": finding.kind, "text": finding.text, "items": list(finding.items)}
