"""Own the generated plugins that the tests look at: one of each kind and use case, on a search path of their own."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo_core.scaffold.kinds import VARIANTS, Variant
from zoo_core.scaffold.naming import PluginName
from zoo_core.scaffold.writing import render
from zoo_core.testing.isolation import write_plugin


@dataclass(frozen=True)
class Generated:
    """Hold one generated plugin."""

    name: PluginName
    variant: Variant
    folder: Path


@dataclass(frozen=True)
class Installed:
    """Hold the generated plugins and the folder from which they are imported."""

    site: Path
    plugins: tuple[Generated, ...]

    def of(self, variant: Variant) -> Generated:
        """Return the plugin of a variant."""
        return next(plugin for plugin in self.plugins if plugin.variant is variant)


def generate(parent: Path, beginning: str = "acme") -> Iterator[Generated]:
    for variant in VARIANTS:
        name = PluginName(f"{beginning}-{variant.templates}")
        folder = parent / name.distribution
        render(name, variant, folder).write()
        yield Generated(name, variant, folder)


def install(site: Path, plugin: Generated) -> None:
    """Put a plugin where it looks installed, as its own `pyproject.toml` says."""
    project = tomllib.loads((plugin.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((entry, module),) = project["entry-points"]["zoo"].items()
    root = plugin.folder / "src" / module.removesuffix(".plugin")
    files = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.*")}
    source = files.pop("plugin.py")
    assert write_plugin(site, project["name"], "0.1.0", entry, source, files=files) == module


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return one plugin of every variant, installed."""
    site = tmp_path_factory.mktemp("site")
    plugins = tuple(generate(tmp_path_factory.mktemp("plugins")))
    for plugin in plugins:
        install(site, plugin)
    return Installed(site, plugins)


@pytest.fixture(scope="session")
def names_of_all_lengths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with plugins of the shortest and of the longest names, all variants of each."""
    parent = tmp_path_factory.mktemp("lengths")
    for number, variant in enumerate(VARIANTS):
        for plain in (chr(ord("a") + number), f"z-{'very-long-name-' * 3}"[:31] + str(number)):
            name = PluginName(plain)
            render(name, variant, parent / name.distribution).write()
    return parent
