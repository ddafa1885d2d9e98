"""Own the checks of a tracker: it takes what a run tells, writes only into the run's folder, and leaks nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.testing.conformance.base import Conformance
from zoo_core.testing.tiny_run import tiny_config

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved

SECRET = "conformance-4711"  # noqa: S105 - drawn up for the checks
SECRET_VARIABLES = ("ZOO_CONFORMANCE_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN")
"""Variables of the environment that hold a secret while the checks run; none is of a tracker of its own."""
PARAMETERS = MappingProxyType(
    {
        "operation_mode": "training",
        "training.epochs": 2,
        "training.optimizer.lr": 0.01,
        "training.model_ema": False,
        "dataset.class_names": ["circle", "square"],
    }
)


class TrackerConformance(Conformance):
    """Check one tracker with the events of a run of two epochs."""

    kind: ClassVar[str] = "tracker"
    tracker: ClassVar[str] = ""
    """Name such as `acme_tracker`."""
    sections: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType({})
    """Keys of sections with which a run asks for the tracker, such as `mlflow` or `training`."""
    environment: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Variables with which it works without a server, such as `{"WANDB_MODE": "offline"}`."""
    needs_server: ClassVar[bool] = False
    """Whether it works with a server only, so that its events cannot be checked here."""
    supports_always: ClassVar[bool] = False
    """Whether it follows every run, also those that do not ask for it."""

    @pytest.fixture
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Give the folder of a run, inside a folder that is home and working directory too."""
        (folder := tmp_path / "run").mkdir()
        (home := tmp_path / "home").mkdir()
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(home))
        for name in SECRET_VARIABLES:
            monkeypatch.setenv(name, SECRET)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        with contextlib.chdir(home):
            yield folder

    def test_events_of_a_run_are_taken(self, resolved: Resolved[Any], place: Path) -> None:
        """Parameters, metrics with and without an epoch, and files are taken; closing twice does no harm."""
        built = self._build(resolved, place)
        self._tell(built, place)
        built.close()
        built.close()

    def test_nothing_is_written_outside_of_the_run(self, resolved: Resolved[Any], place: Path) -> None:
        """What it writes lies in the folder of the run: not in the working directory, not at home."""
        before = _files(place.parent) - _files(place)
        built = self._build(resolved, place)
        self._tell(built, place)
        built.close()
        added = sorted((_files(place.parent) - _files(place)) - before)
        assert not added, f"written outside of the run's folder: {', '.join(map(str, added))}"

    def test_files_of_the_run_are_left_as_they_were(self, resolved: Resolved[Any], place: Path) -> None:
        """A file that the tracker takes stays where it is, unchanged."""
        built = self._build(resolved, place)
        given = self._tell(built, place)
        before = given.read_bytes()
        built.close()
        assert given.read_bytes() == before

    def test_no_secrets_are_written(self, resolved: Resolved[Any], place: Path) -> None:
        """Secrets that stand in the environment do not reach the files of the run."""
        built = self._build(resolved, place)
        self._tell(built, place)
        built.close()
        telling = [path for path in _files(place) if SECRET.encode() in path.read_bytes()]
        assert not telling, f"a secret of the environment stands in {', '.join(map(str, telling))}"

    def test_runs_that_do_not_ask_for_it_are_left_alone(
        self, resolved: Resolved[Any], place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its sections, building gives nothing and writes nothing."""
        self.need("supports_always", wanted=False)
        for name in self.environment:
            monkeypatch.delenv(name)
        before = _files(place.parent)
        assert resolved.build(tiny_config("training", {}), place) is None, (
            "it follows a run that does not ask for it; return None there, or set supports_always = True"
        )
        assert _files(place.parent) == before

    def _build(self, resolved: Resolved[Any], place: Path) -> Any:
        from zoo_core.errors import MissingError

        self.need("needs_server", wanted=False)
        try:
            built = resolved.build(tiny_config("training", self.sections), place)
        except MissingError as error:
            pytest.skip(str(error))
        assert built is not None, "build gives None; set sections to those with which a run asks for the tracker"
        return built

    def _tell(self, built: Any, place: Path) -> Path:
        """Tell the events of a short run and return the file that was among them."""
        built.log_parameters(dict(PARAMETERS))
        for epoch in (1, 2):
            built.log_metrics({"loss": 1.0 / epoch, "lr": 0.01}, step=epoch)
        built.log_metrics({"test/top1": 87.5})
        (folder := place / "stages").mkdir(exist_ok=True)
        given = folder / "summary.csv"
        given.write_text("epoch,loss\n1,1.0\n2,0.5\n", encoding="utf-8")
        built.log_file(given)
        return given


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}
