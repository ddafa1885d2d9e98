"""Own the checks of a data set: the same every time, disjoint splits, names that last, bad files and places told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.protocols import TEST, TRAIN, VALIDATION
from zoo_core.testing.conformance.base import UNKNOWN_KEY, Conformance
from zoo_core.testing.conformance.likeness import same
from zoo_core.testing.tiny import draw_tiny_dataset
from zoo_core.testing.tiny_run import Unseen, open_tiny_run

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.protocols import ImageDataset, SplitDatasets
    from zoo_core.services.context import RunContext

LABELLED = (TRAIN, VALIDATION, TEST)
DAMAGED = b"this is no image"
LOOKED_AT = 20
"""Samples of each split that are read."""
NOWHERE = "zoo_no_such_folder"


class DatasetConformance(Conformance):
    """Check one data set on a few files."""

    kind: ClassVar[str] = "dataset"
    dataset: ClassVar[str] = ""
    """Name such as `acme_photos` or `zoo-acme/acme_photos`."""
    task: ClassVar[str | None] = None
    """Use case, where several have a data set of the name."""
    splits: ClassVar[tuple[str, ...]] = LABELLED
    """Splits that the section leads to."""
    reads_files: ClassVar[bool] = True
    """Whether every sample is an image file below the folder, which can be damaged one by one."""
    supports_paths: ClassVar[bool] = True
    """Whether the section says where the files are."""

    def section(self, folder: Path) -> dict[str, Any]:
        """Write files into a new folder and return the `dataset` section that leads to them.

        Unless it is overridden: the tiny data set of the use case, written by the data set's own writer if it has one.
        """
        return self._written(self._find(self.dataset), folder)

    @pytest.fixture(scope="class")
    @classmethod
    def resolved(cls, component: str) -> Resolved[Any]:
        """Return the specification of the data set with the plugin it comes from."""
        return cls._find(component)

    @pytest.fixture(scope="class")
    @classmethod
    def context(cls, resolved: Resolved[Any], component: str, tmp_path_factory: pytest.TempPathFactory) -> RunContext:
        """Return a run with the data set, shared by the checks that change no file."""
        folder, own = tmp_path_factory.mktemp("dataset"), cls()
        return own._open(resolved, component, own.section(folder / "files"), folder / "run")

    def test_splits_are_there_and_labelled(self, context: RunContext) -> None:
        """Each split has samples, and as many labels as samples."""
        for split in self.splits:
            found = _split(context.datasets, split)
            assert len(found) > 0, f"the split {split} is empty"
            assert len(found.targets) == len(found), f"{split}: {len(found.targets)} labels of {len(found)} samples"

    def test_classes_are_named(self, context: RunContext) -> None:
        """Names of classes are texts, none is empty or there twice."""
        names = context.datasets.class_names
        assert names, "there are no class names"
        assert all(isinstance(name, str) and name.strip() for name in names), f"empty class names: {names}"
        assert len(set(names)) == len(names), f"class names that stand twice: {names}"
        ids = context.datasets.class_ids
        assert len(ids) in (0, len(names)), f"{len(ids)} class_ids for {len(names)} classes"

    def test_names_are_unique_and_lead_to_the_sample(self, context: RunContext) -> None:
        """`name(index)` is another one for each sample, and the `path` of the sample."""
        for split in self.splits:
            found = _split(context.datasets, split)
            names = _names(found)
            assert all(isinstance(name, str) and name for name in names), f"{split}: empty names"
            assert len(set(names)) == len(names), f"{split}: names that stand twice"
            wrong = [name for index, name in enumerate(names[:LOOKED_AT]) if found[index].path != name]
            assert not wrong, f"{split}: the sample has another path than its name: {wrong[0]}"

    def test_samples_are_images_with_their_label(self, context: RunContext) -> None:
        """Every sample is a PIL image with the label that stands in `targets`."""
        from PIL.Image import Image

        for split in self.splits:
            found = _split(context.datasets, split)
            for index in range(min(len(found), LOOKED_AT)):
                sample = found[index]
                assert isinstance(sample.image, Image), f"{sample.path}: {type(sample.image)} is no PIL image"
                assert min(sample.image.size) > 0, f"{sample.path}: the image is empty"
                assert same(sample.target, found.targets[index]), f"{sample.path}: the label is not that in targets"

    def test_splits_are_disjoint(self, context: RunContext) -> None:
        """No sample is trained on and measured with; only the validation set may stand in for the test set."""
        names = {split: set(_names(_split(context.datasets, split))) for split in self.splits if split in LABELLED}
        for one, other in ((TRAIN, VALIDATION), (TRAIN, TEST), (VALIDATION, TEST)):
            if one not in names or other not in names or (one, names[one]) == (VALIDATION, names[other]):
                continue
            both = sorted(names[one] & names[other])
            assert not both, f"{len(both)} samples are in {one} and in {other}, such as {both[0]}"

    def test_same_section_gives_the_same_data(self, context: RunContext, resolved: Resolved[Any]) -> None:
        """Built again with the same seed, every split has the same samples in the same order with the same labels."""
        from zoo_core.protocols import DataRequest

        section = context.config.dataset
        request = DataRequest(splits=context.splits, seed=section.seed)
        again: SplitDatasets = resolved.build(section, request)
        assert again.class_names == context.datasets.class_names
        for split in self.splits:
            before, after = _split(context.datasets, split), _split(again, split)
            assert _names(before) == _names(after), f"{split}: other samples, or another order"
            assert same(list(before.targets), list(after.targets)), f"{split}: other labels"
            assert before[0].image.tobytes() == after[0].image.tobytes(), f"{split}: another first image"

    def test_damaged_file_is_skipped_and_named(self, resolved: Resolved[Any], component: str, tmp_path: Path) -> None:
        """A file that is no image raises `UnreadableImageError` with its name, and the others can be read."""
        from zoo_core.errors import DataError, UnreadableImageError
        from zoo_core.protocols import DataRequest

        self.need("reads_files")
        section = self.section(tmp_path / "files")
        first = self._open(resolved, component, section, tmp_path / "run")
        bad = _split(first.datasets, TRAIN).name(0)
        assert Path(bad).is_file(), f"{bad} is no file; set reads_files = False"
        Path(bad).write_bytes(DAMAGED)
        request = DataRequest(splits=first.splits, seed=first.config.dataset.seed)
        found = _split(resolved.build(first.config.dataset, request), TRAIN)
        names = _names(found)
        if bad in names:
            with pytest.raises(UnreadableImageError) as raised:
                found[names.index(bad)]
            assert Path(bad).name in str(raised.value), "the message does not name the file"
        others = [index for index, name in enumerate(names) if name != bad]
        assert others, "with one damaged file all samples are gone"
        assert min(found[others[0]].image.size) > 0
        with pytest.raises(DataError, match=re.escape(Path(bad).name)):
            resolved.build(first.config.dataset, replace(request, check_image_files=True))

    def test_wrong_path_is_answered_in_words(self, resolved: Resolved[Any], component: str, tmp_path: Path) -> None:
        """A folder that does not exist, or is empty, is told as a `UserError` before or while the data is read."""
        from zoo_core.errors import UserError

        self.need("supports_paths")
        section = self.section(tmp_path / "files")
        (empty := tmp_path / "empty").mkdir()
        paths = [key for key, value in section.items() if isinstance(value, str | Path) and Path(value).exists()]
        assert paths, "no key of the section holds a path; set supports_paths = False"
        key = next((key for key in paths if key.startswith("train")), paths[0])
        for number, place in enumerate((tmp_path / NOWHERE, empty)):
            changed = {**section, key: str(place)}
            with pytest.raises(UserError) as raised:
                self._read(resolved, component, changed, tmp_path / f"run_{number}")
            assert str(raised.value).strip()

    def test_unknown_key_is_refused(self, resolved: Resolved[Any], component: str, tmp_path: Path) -> None:
        """A misspelt key of the `dataset` section is named."""
        from zoo_core.errors import ConfigError

        section = {**self.section(tmp_path / "files"), UNKNOWN_KEY: 1}
        with pytest.raises(ConfigError, match=UNKNOWN_KEY):
            self._open(resolved, component, section, tmp_path / "run")

    @classmethod
    def _find(cls, name: str) -> Resolved[Any]:
        from zoo_core.config.lookup import within_task
        from zoo_core.plugins import get_catalog

        datasets = get_catalog().datasets
        entry = within_task(datasets, name, cls.task) if cls.task is not None else None
        return entry or datasets.resolve(name)

    @classmethod
    def _written(cls, resolved: Resolved[Any], folder: Path) -> dict[str, Any]:
        from zoo_core.plugins import get_catalog
        from zoo_core.services.conversion import convert_data

        drawn = draw_tiny_dataset(resolved.spec.task, folder)
        if resolved.spec.writer is None:
            return drawn
        catalog = get_catalog()
        usual = catalog.tasks.get(resolved.spec.task).default_dataset
        name = str(drawn.pop("dataset_name", usual))
        loaded = cls._open(resolved, name, drawn, folder / "run").loaded
        place = folder / "written"
        made = convert_data(loaded, catalog, Unseen(), to=resolved.qualified, folder=place, link=False)
        texts = {key: value for key, value in made.section.items() if isinstance(value, str)}
        paths = {key: str(place / text) for key, text in texts.items() if (place / text).exists()}
        return {"workers": 0, **made.section, **paths}

    @classmethod
    def _open(cls, resolved: Resolved[Any], component: str, section: dict[str, Any], folder: Path) -> RunContext:
        """Return a run without a model, which reading the data does not need."""
        folder.mkdir(parents=True)
        (model := folder / "model.onnx").touch()
        document = {
            "operation_mode": "benchmarking",
            "use_case": resolved.spec.task,
            "model": {"model_path": str(model)},
            "dataset": {**section, "dataset_name": component},
            "benchmarking": {"board": "host"},
        }
        return open_tiny_run(folder, document, splits=frozenset(cls.splits))

    @classmethod
    def _read(cls, resolved: Resolved[Any], component: str, section: dict[str, Any], folder: Path) -> SplitDatasets:
        return cls._open(resolved, component, section, folder).datasets


def _split(datasets: SplitDatasets, split: str) -> ImageDataset:
    found = datasets.get(split)
    assert found is not None, f"there is no split {split}; set splits to those that the section leads to"
    return found


def _names(dataset: ImageDataset) -> list[str]:
    return [dataset.name(index) for index in range(len(dataset))]
