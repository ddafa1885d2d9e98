"""Packages and layers depend on each other in one direction only."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


def test_every_folder_of_core_has_a_layer() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "Layers of core")
    known = {name.strip() for layer in layers for name in layer.split(":")}
    core = ROOT / "packages/zoo-core/src/zoo_core"
    folders = {path.parent.name for path in core.glob("*/__init__.py")}
    modules = {path.stem for path in core.glob("*.py")} - {"__init__", "__main__"}
    # `testing` is for the tests of plugins: nothing of core imports it, and it may import anything of core.
    assert (folders | modules) - {"testing"} == known


def test_every_package_is_under_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {path.name.replace("-", "_") for path in (ROOT / "packages").iterdir() if path.is_dir()}
    assert set(settings["tool"]["importlinter"]["root_packages"]) == packages
    assert set(settings["tool"]["mypy"]["packages"]) == packages
