"""Own the `dataset` section of re-identification: ST's flat folders, those of the known data sets, one per person."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.sections import DatasetSection, ExistingDir, ExistingPath


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
    """Pictures that are searched for in a prediction."""
    prediction_gallery_path: ExistingPath | None = None
    """Pictures that are searched through in a prediction."""
