"""Own the `dataset` sections of the data sets this package reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ValidationInfo, field_validator, model_validator

from zoo_core.config.limits import ExistingDir, only
from zoo_core.config.paths import PLACEHOLDER
from zoo_core.config.sections import DatasetSection
from zoo_core.protocols import PREDICTION, QUANTIZATION


class FolderSection(DatasetSection):
    """Locate images that lie in one folder per class."""

    data_download: Annotated[
        bool, only(False, "these images have no public address; fetch them by other means, and name their folder")
    ] = False
    """Only False: these images have no public address."""
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


class OfficialSection(FolderSection):
    """Locate a data set in the files that its authors distribute; images in class folders are read too."""

    data_download: bool = False
    """Fetch the data set when it is not there; its hash is checked."""
    data_dir: Path | None = None
    """Folder that holds the data set's own files; the cache folder when they are fetched and none is named."""

    @field_validator("data_dir")
    @classmethod
    def _check_folder(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None or value.is_dir():
            return value
        if PLACEHOLDER.search(str(value)):
            msg = f"there is no directory {value}; put your own path in place of what stands between < and >"
            raise ValueError(msg)
        if value.exists():
            msg = f"{value} is a file, not a directory"
            raise ValueError(msg)
        if not info.data.get("data_download"):
            msg = f"there is no directory {value}; data_download: True fetches the data set into a new one"
            raise ValueError(msg)
        return value

    def missing_for(self, splits: Iterable[str]) -> list[str]:
        """Return what is missing for some splits; the test images serve prediction."""
        if self.data_dir is not None or self.data_download:
            return []
        wanted = frozenset(splits)
        if not any((self.training_path, self.validation_path, self.test_path)) and wanted - {QUANTIZATION, PREDICTION}:
            return ["data_dir or training_path is needed; data_download: True fetches the data set"]
        given = self.training_path is not None or self.test_path is not None
        return super().missing_for(wanted - ({PREDICTION} if given else set()))


class Cifar100Section(OfficialSection):
    """Locate CIFAR-100 and choose which of its two labels is meant."""

    label_mode: Literal["fine", "coarse"] | None = None
    """100 fine or 20 coarse classes; when absent, coarse for 20 classes and fine otherwise."""


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
