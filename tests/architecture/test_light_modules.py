"""Light modules load nothing heavy, not even indirectly: seen in a fresh interpreter."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]["flake8-tidy-imports"][
        "banned-module-level-imports"
    ]
)
PLUGINS = sorted(path for path in ROOT.glob("packages/zoo-*") if path.name != "zoo-core")
HEAVY_FOLDERS = {"training", "data", "export", "quantization", "inference", "reporting", "networks"}
"""Folders of zoo-core that are reached only when a stage runs."""
LIGHT_STEMS = {"__init__", "__main__", "plugin", "config"}
"""Modules of the other packages that are loaded to list and check their components."""

REPORT = """
import importlib, json, sys
heavy, names = json.loads(sys.argv[1])
found = {}
for name in names:
    importlib.import_module(name)
    loaded = sorted(module for module in heavy if module in sys.modules and module not in found)
    found.update(dict.fromkeys(loaded, name))
print(json.dumps(found))
"""


def dotted(path: Path, src: Path) -> str:
    parts = path.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def core_modules() -> list[str]:
    src = ROOT / "packages/zoo-core/src"
    paths = (path for path in sorted(src.rglob("*.py")) if path.relative_to(src).parts[1] not in HEAVY_FOLDERS)
    return [dotted(path, src) for path in paths if path.stem != "__main__"]


def plugin_modules(package: Path) -> list[str]:
    src = package / "src"
    root = src / package.name.replace("-", "_")
    light = [path for path in root.glob("*.py") if path.stem in LIGHT_STEMS]
    return [dotted(path, src) for path in sorted([*light, *root.glob("config/*.py")])]


def load(names: list[str]) -> dict[str, str]:
    """Import modules in a fresh interpreter and return heavy module -> light module that brought it."""
    command = [sys.executable, "-c", REPORT, json.dumps([HEAVY, names])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_core_is_light_outside_its_heavy_folders() -> None:
    names = core_modules()
    assert "zoo_core.hookspecs" in names
    assert load(names) == {}


@pytest.mark.parametrize("package", PLUGINS, ids=lambda path: path.name)
def test_plugin_is_light_until_a_component_is_built(package: Path) -> None:
    names = plugin_modules(package)
    assert f"{package.name.replace('-', '_')}.plugin" in names
    assert load(names) == {}


def test_heavy_module_is_recognised() -> None:
    assert load(["zoo_core.errors", "numpy"]) == {"numpy": "numpy"}
