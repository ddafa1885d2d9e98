"""Wheels of all packages, and environments that hold nothing else but what these ask for.

Third-party packages come from where pip gets them on this machine; `uv` makes the environments where it is installed,
since it is many times faster.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir() if (path / "pyproject.toml").is_file())
LONG = 3000.0
"""Seconds that one command may take."""


def call(*command: object, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and fail with all that it printed when it does."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done


@dataclass(frozen=True)
class Environment:
    """Run what is installed in one environment, with none of the variables that would lead elsewhere."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ZOO_", "VIRTUAL"))}
        return kept | {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{kept.get('PATH', '')}",
            "VIRTUAL_ENV": str(self.folder),
            "ZOO_CONFIG_DIR": str(self.folder / "none"),
        }

    def run(self, name: str, *arguments: object, cwd: Path) -> str:
        """Return what a command of this environment printed."""
        return call(self.folder / "bin" / name, *arguments, cwd=cwd, env=self.variables).stdout

    def install(self, wheels: Path, requirements: Sequence[object]) -> None:
        """Install distributions, ours from the wheels."""
        if uv := shutil.which("uv"):
            call(uv, "pip", "install", "--find-links", wheels, *requirements, cwd=wheels, env=self.variables)
        else:
            call(
                self.folder / "bin/python", "-m", "pip", "install", "--find-links", wheels, *requirements,
                cwd=wheels, env=self.variables,
            )  # fmt: skip


@pytest.fixture(scope="session")
def archives(tmp_path_factory) -> Path:
    """Return a folder with a wheel and a source archive of every package, built as they are published."""
    folder = tmp_path_factory.mktemp("dist")
    for name in PACKAGES:
        call(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT / "packages" / name)
    return folder


@pytest.fixture(scope="session")
def environment(archives, tmp_path_factory) -> Callable[..., Environment]:
    """Return a function that makes an environment from requirements; `core` of them alone decides what else comes."""

    def make(*requirements: object) -> Environment:
        folder = tmp_path_factory.mktemp("environment") / "venv"
        if uv := shutil.which("uv"):
            call(uv, "venv", "--python", sys.executable, folder, cwd=archives)
        else:
            call(sys.executable, "-m", "venv", folder, cwd=archives)
        made = Environment(folder)
        made.install(archives, requirements)
        return made

    return make
