"""Own the `dataset` sections of the data sets this package reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import model_validator

from zoo_core.config.sections import DatasetSection, ExistingDir
from zoo_core.protocols import PREDICTION


class FolderSection(DatasetSection):
    """Locate images that lie in one folder per class."""

    data_dir: ExistingDir | None = None
    """Folder that holds `train_split` and `val_split`; `training_path` and its like come first."""
    train_split: str = "train"
    """Name of the training folder below `data_dir`."""
    val_split: str = "val"
    """Name of the validation folder below `data_dir`."""
    test_split: str = "test"
    """Name of the test folder below `data_dir`; used when it exists."""

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return what is missing for some splits; `data_dir` serves all but prediction."""
        wanted = frozenset(splits)
        return super().missing_for(wanted & {PREDICTION} if self.data_dir is not None else wanted)


class ImageNetSection(FolderSection):
    """Locate ImageNet as `<data_dir>/imagenet/{train,val}/<synset>/<image>`.

    Class names given in the file stand for the synset folders in sorted order.
    """


class DigitsSection(DatasetSection):
    """Take the scanned digits that come with scikit-learn; no path is needed."""

    @model_validator(mode="after")
    def _refuse_paths(self) -> Self:
        keys = ("training_path", "validation_path", "test_path", "quantization_path")
        given = [key for key in keys if getattr(self, key) is not None]
        if given:
            msg = (
                f"{', '.join(given)}: the digits come with scikit-learn, a path has no effect; use dataset_name: custom"
            )
            raise ValueError(msg)
        return self

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return nothing: every split comes with scikit-learn, and prediction takes the test scans."""
        return []
