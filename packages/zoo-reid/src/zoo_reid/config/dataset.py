"""Own the `dataset` section of re-identification: ST's flat folders, those of the known data sets, one per person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from zoo_core.config.sections import DatasetSection, ExistingDir, ExistingPath
from zoo_core.protocols import PREDICTION, TEST, TRAIN, VALIDATION
from zoo_reid.data.places import (
    PREDICTION_GALLERY,
    PREDICTION_QUERY,
    TEST_GALLERY,
    TEST_QUERY,
    TRAINING,
    VALIDATED,
    locate,
    parts_wanted,
)


class ReidDatasetSection(DatasetSection):
    """Say where the pictures of persons are and how they are divided."""

    format: Literal["flat", "market1501", "dukemtmc", "msmt17", "deepsportradar", "folders"] | None = None
    """How names of files tell persons and cameras; follows from `dataset_name`, else from the files themselves."""
    data_dir: ExistingDir | None = None
    """Folder of a known data set as it is distributed; stands for the paths that are not given."""
    validation_split_by: Literal["identity", "image"] = "identity"
    """`identity`: no person is in both sets; `image`: pictures are divided, as ST does it."""
    test_query_path: ExistingPath | None = None
    """Pictures that are searched for in an evaluation."""
    test_gallery_path: ExistingPath | None = None
    """Pictures that are searched through in an evaluation."""
    prediction_query_path: ExistingPath | None = None
    """Pictures that are searched for in a prediction: a folder, or one picture."""
    prediction_gallery_path: ExistingPath | None = None
    """Pictures that are searched through in a prediction."""

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return a sentence for each thing that some splits need and the section does not give."""
        wanted, there = frozenset(splits), frozenset(locate(self))
        place = ""
        if self.data_dir is not None:
            place = f"; dataset.data_dir, {self.data_dir}, is searched for {', '.join(parts_wanted(self))}"
        return [f"{text}{place}" for text in _missing(wanted, there)]


def _missing(wanted: frozenset[str], there: frozenset[str]) -> Iterator[str]:
    if TRAIN in wanted and TRAINING not in there:
        yield f"{TRAINING} is needed for training"
    if VALIDATION in wanted and not there & {VALIDATED, TRAINING}:
        yield f"{VALIDATED} or {TRAINING} is needed for choosing the best weights"
    if TEST in wanted:
        pair = {TEST_QUERY, TEST_GALLERY}
        if len(there & pair) == 1:
            yield from _half(there, pair, "evaluation")
        elif not there & (pair | {VALIDATED, TRAINING}):
            yield f"{TEST_QUERY} and {TEST_GALLERY}, or {VALIDATED} or {TRAINING}, are needed for evaluation"
    if PREDICTION in wanted:
        pair = {PREDICTION_QUERY, PREDICTION_GALLERY}
        if len(there & pair) == 1:
            yield from _half(there, pair, "prediction")
        elif not there & pair:
            yield f"{PREDICTION_QUERY} and {PREDICTION_GALLERY} are needed for prediction"


def _half(there: frozenset[str], pair: set[str], purpose: str) -> Iterator[str]:
    yield f"{min(pair - there)} is needed for {purpose} beside {min(pair & there)}"
