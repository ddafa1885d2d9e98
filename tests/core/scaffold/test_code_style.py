"""Generated code keeps the repository's own rules, whatever the length of its name."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIGHT = ("__init__.py", "board.py", "config.py", "plugin.py", "table.py", "tracker.py")
"""Modules that must import nothing heavy; torch and the like may stand in all others."""


def ruff(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def check(folder: Path) -> str:
    packages = sorted(path.name for path in folder.glob("*/src/*"))
    heavy = sorted({path.name for path in folder.rglob("*.py")} - set(LIGHT))
    ignored = ", ".join(
        f'"{name}" = ["TID253", "S101"]' if "test_" in name else f'"{name}" = ["TID253"]' for name in heavy
    )
    done = ruff(
        folder,
        *("check", "--output-format", "concise"),
        *("--config", f"lint.isort.known-first-party = {packages}"),
        *("--config", f"lint.extend-per-file-ignores = {{{ignored}}}"),
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_generated_code_passes_the_linter(names_of_all_lengths: Path) -> None:
    assert check(names_of_all_lengths) == ""


def test_generated_code_is_formatted(names_of_all_lengths: Path) -> None:
    done = ruff(names_of_all_lengths, "format", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr


def test_heavy_import_in_a_light_module_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "zoo-bad" / "src" / "zoo_bad"
    source.mkdir(parents=True)
    for name in ("plugin.py", "model.py"):
        (source / name).write_text('"""Own nothing."""\n\nimport torch\n\n__all__ = ["torch"]\n')
    found = check(tmp_path)
    assert "plugin.py:3:8: TID253" in found
    assert "model.py" not in found


@pytest.mark.slow
def test_generated_code_is_typed(installed) -> None:
    sources = [str(path) for path in sorted(ROOT.glob("packages/*/src"))]
    names = [part for plugin in installed.plugins for part in ("-p", plugin.name.package)]
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *names]
    done = subprocess.run(
        command,
        cwd=installed.site,
        env={"MYPYPATH": ":".join([*sources, str(installed.site)]), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
