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
        there = frozenset(locate(self))
        found = []
        for text, keys in _missing(frozenset(splits), there):
            parts = parts_wanted(self, keys) if self.data_dir is not None else ()
            searched = f"; dataset.data_dir, {self.data_dir}, holds no {' or '.join(parts)}" if parts else ""
            found.append(f"{text}{searched}")
        return found


def _missing(wanted: frozenset[str], there: frozenset[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is missing in words, and the keys that would provide it."""
    if TRAIN in wanted and TRAINING not in there:
        yield f"{TRAINING} is needed for training", (TRAINING,)
    others = (VALIDATED, TRAINING)
    if VALIDATION in wanted and there.isdisjoint(others):
        yield f"{VALIDATED} or {TRAINING} is needed for choosing the best weights", others
    pairs = (
        (TEST, "evaluation", (TEST_QUERY, TEST_GALLERY), others),
        (PREDICTION, "prediction", (PREDICTION_QUERY, PREDICTION_GALLERY), ()),
    )
    for split, purpose, pair, instead in pairs:
        absent = tuple(key for key in pair if key not in there)
        if split not in wanted or not absent:
            continue
        if len(absent) < len(pair):
            (given,) = set(pair) - set(absent)
            yield f"{absent[0]} is needed for {purpose} beside {given}", absent
        elif there.isdisjoint(instead):
            more = f", or {' or '.join(instead)}," if instead else ""
            yield f"{' and '.join(pair)}{more} are needed for {purpose}", (*pair, *instead)
