"""Own the reasons why figures of several runs cannot be set side by side as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoo_core.protocols import VALIDATION
from zoo_core.results import BenchmarkResult, EvaluationResult
from zoo_core.runs.store import RunRecord

DATA_KEYS = ("_name", "_names", "_path", "_paths", "data_dir")
"""Ends of the keys of the `dataset` section that say which images are meant."""
OTHER_KEYS = frozenset({"prediction_path", "quantization_path"})
"""Keys of images that no metric is measured on."""
SPLIT_KEYS = ("validation_split", "seed")
"""Keys of the `dataset` section that say which of the images validate."""


def warnings_about(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return one sentence per reason why the runs cannot be compared directly."""
    return (
        *_unfinished(records),
        *_different(records, "use case", lambda record: record.manifest.use_case),
        *_data_sets(records),
        *_splits(records),
        *_different(records, "board", _boards),
    )


def _unfinished(records: Sequence[RunRecord]) -> list[str]:
    return [
        f"Run {_label(number, record)} is {record.manifest.status}{_stopped_at(record)}; figures of stages that it did "
        f"not finish are absent. Continue it with: zoo run --resume {record.run_dir}"
        for number, record in enumerate(records, start=1)
        if record.manifest.status != "done"
    ]


def _stopped_at(record: RunRecord) -> str:
    found = next((entry.id for entry in record.manifest.stages if entry.status in ("failed", "interrupted")), None)
    return "" if found is None else f" at {found}"


def _different(records: Sequence[RunRecord], what: str, read: Callable[[RunRecord], str]) -> list[str]:
    """Return a sentence when runs that have a value have another one than others that have one."""
    values = [read(record) for record in records]
    if len({value for value in values if value}) <= 1:
        return []
    named = "; ".join(
        f"{_label(number, record)}: {value or 'none'}"
        for number, (record, value) in enumerate(zip(records, values, strict=True), start=1)
    )
    return [f"The runs differ in {what} ({named})."]


def _data_sets(records: Sequence[RunRecord]) -> list[str]:
    sections = [_dataset(record) for record in records]
    validated = any(VALIDATION in _evaluated(record) for record in records)
    keys = [
        key
        for key in dict.fromkeys(key for section in sections for key in section)
        if (key.endswith(DATA_KEYS) and key not in OTHER_KEYS) or (validated and key in SPLIT_KEYS)
    ]
    different = [key for key in keys if any(section.get(key) != sections[0].get(key) for section in sections)]
    if not different:
        return []
    return [f"The data sets differ ({', '.join(f'dataset.{key}' for key in different)})."]


def _splits(records: Sequence[RunRecord]) -> list[str]:
    found = [_evaluated(record) for record in records]
    known = [counts for counts in found if counts]
    if not known or all(counts == known[0] for counts in known):
        return []
    named = "; ".join(
        f"{_label(number, record)}: {_counts(counts)}"
        for number, (record, counts) in enumerate(zip(records, found, strict=True), start=1)
    )
    return [f"The runs were not evaluated on the same images ({named})."]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{images} of the split {split}" for split, images in counts.items()) or "none"


def _boards(record: RunRecord) -> str:
    devices = (stage.result.device for stage in record.results if isinstance(stage.result, BenchmarkResult))
    return ", ".join(dict.fromkeys(devices))


def _evaluated(record: RunRecord) -> dict[str, int]:
    results = (stage.result for stage in record.results)
    return {result.split: result.images for result in results if isinstance(result, EvaluationResult)}


def _dataset(record: RunRecord) -> Mapping[str, Any]:
    section = record.manifest.config.get("dataset")
    return section if isinstance(section, Mapping) else {}


def _label(number: int, record: RunRecord) -> str:
    return f"{number}: {record.run_dir.resolve().name}"
