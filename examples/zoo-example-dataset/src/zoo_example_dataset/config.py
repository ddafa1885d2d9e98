"""Own the keys that the `dataset` section takes for example_dataset."""

from typing import Literal

from zoo_core.config.sections import DatasetSection


class ListedImagesSection(DatasetSection):
    """Say how the CSV files are read that `training_path` and the like name."""

    path_column: str = "path"
    """Column of the paths of images, relative to the folder of the CSV file."""
    label_column: str = "label"
    """Column of the names of classes."""
    separator: Literal[",", ";", "tab"] = ","
    """What stands between two columns."""
