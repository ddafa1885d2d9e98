"""Own the fixtures for tests of plugins; pytest loads this module wherever zoo-core is installed, so it stays tiny."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.testing.fake_target import FakeTarget

MARKER = "zoo_plugins"
CONFORMANCE = "zoo_core.testing.conformance"

if CONFORMANCE not in sys.modules:
    pytest.register_assert_rewrite(CONFORMANCE)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Hold what a command answered."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Return standard output read as JSON, for commands with `--json`."""
        import json

        return json.loads(self.stdout)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    text = "load only these plugins of zoo, beside core's own; without names only core's"
    config.addinivalue_line("markers", f"{MARKER}(*distributions): {text}")


@pytest.fixture
def zoo_catalog(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Return what the installed plugins declare, or those that `@pytest.mark.zoo_plugins("zoo-acme")` names.

    The variable `ZOO_PLUGINS` of the environment does not count.
    """
    from zoo_core.plugins import PluginSelection, get_catalog

    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    marker = request.node.get_closest_marker(MARKER)
    if marker is None:
        return get_catalog()
    return get_catalog(PluginSelection(only=tuple(marker.args)))


@pytest.fixture
def zoo_cli(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CommandResult]:
    """Return a function that runs a command line in this process: `zoo_cli("list", "models")`."""
    monkeypatch.delenv("ZOO_PLUGINS", raising=False)
    marker = request.node.get_closest_marker(MARKER)
    chosen: list[str] = []
    if marker is not None:
        chosen = ["--plugins", ",".join(marker.args)] if marker.args else ["--no-plugins"]

    def call(*arguments: str | os.PathLike[str]) -> CommandResult:
        from zoo_core.cli.main import run_cli

        capsys.readouterr()
        code = run_cli([*chosen, *(os.fspath(argument) for argument in arguments)])
        captured = capsys.readouterr()
        return CommandResult(exit_code=code, stdout=captured.out, stderr=captured.err)

    return call


@pytest.fixture
def zoo_run(tmp_path: Path) -> Path:
    """Return an empty folder that stands for the folder of a run."""
    folder = tmp_path / "zoo_run"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Return a function that draws a data set of a few pictures and returns its `dataset` section.

    `tiny_dataset("classification")`; the others are `detection`, `reid` and `pose`. Files are new for every call.
    """

    def draw(task: str) -> dict[str, Any]:
        from zoo_core.testing.tiny import draw_tiny_dataset

        return draw_tiny_dataset(task, tmp_path_factory.mktemp(f"tiny_{task}") / "data")

    return draw


@pytest.fixture
def fake_target(monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """Install the target `fake_board` for one test and return it: what it was asked stands in `calls`."""
    import zoo_core.plugins
    from zoo_core.testing.fake_target import MODULE, FakeTarget, with_fake_target

    target, installed = FakeTarget(), zoo_core.plugins.get_catalog
    monkeypatch.setitem(sys.modules, MODULE, target.module())
    monkeypatch.setattr(zoo_core.plugins, "get_catalog", lambda selection=None: with_fake_target(installed(selection)))
    return target
