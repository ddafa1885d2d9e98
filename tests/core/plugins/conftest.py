"""Offer fake installed plugins and a catalogue of just these."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zoo_core.plugins import Catalog, PluginSelection, build_catalog
from zoo_core.testing.isolation import write_plugin


class Site:
    """Stand in for a `site-packages` folder on this process's search path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.distributions: list[str] = []

    def add(
        self, distribution: str, source: str, *, version: str = "0.3", entry: str | None = None, **files: str
    ) -> str:
        self.distributions.append(distribution)
        entry = distribution.removeprefix("zoo-") if entry is None else entry
        named = {f"{name}.py": text for name, text in files.items()}
        return write_plugin(self.folder, distribution, version, entry, source, files=named)

    def catalog(self, **selection: object) -> Catalog:
        """Load these plugins and core's, and none of the others that happen to be installed."""
        importlib.invalidate_caches()
        return build_catalog(PluginSelection(**{"only": tuple(self.distributions), **selection}))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def model_plugin() -> Callable[..., str]:
    """Return a maker of plugin sources that declare one task and some models of it."""

    def make(*names: str, task: str = "sorting", extra: str = "") -> str:
        lines = "\n".join(
            f'    yield ModelSpec(name="{name}", task="{task}", summary="A model.", '
            f'build=LazyRef("builders:build"), config=LazyRef("builders:Section"))'
            for name in names
        )
        return f"""from zoo_core import LazyRef, ModelSpec, TaskSpec, hookimpl
{extra}
@hookimpl
def zoo_tasks():
    yield TaskSpec(name="{task}", summary="A use case.", build=LazyRef("builders:build"))

@hookimpl
def zoo_models():
{lines}
"""

    return make
