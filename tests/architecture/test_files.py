"""What is in the repository holds for everybody: no package index, no path of one machine, one version, one licence."""

import ast
import hashlib
import re
import shutil
import subprocess
import tomllib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(path for path in (ROOT / "packages").iterdir() if (path / "pyproject.toml").is_file())
APACHE_2_0 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
INDEX = re.compile(
    r"pypi\.org|pythonhosted\.org|download\.pytorch\.org|https?://\S+/simple\b|file:/{2}\S+(?:simple|wheels)"
    r"|(?:--extra-index-url|--index-url|--find-links)[ =](?:https?:|file:|[./]\S*/)",
    re.IGNORECASE,
)
MACHINE = re.compile(r"(?<![\w.$}/])/(?:root|home/\w+|Users/\w+|work/(?:main|shared)|opt/(?:wheels|pypi))\b")
TEXT_SUFFIXES = {"", ".cfg", ".csv", ".in", ".json", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}


@cache
def repository_files() -> tuple[Path, ...]:
    """Return every file that is or would be committed."""
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return tuple(ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    return tuple(
        path
        for path in ROOT.rglob("*")
        if path.is_file()
        and not any(fnmatch(part, pattern) for part in path.relative_to(ROOT).parts for pattern in [".git", *ignored])
    )


def offences(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in repository_files():
        if path.suffix in TEXT_SUFFIXES:
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def test_no_file_names_a_package_index() -> None:
    assert offences(INDEX) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert offences(MACHINE) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (INDEX, "--find-links " + "./wheels/x"),
        (INDEX, "--extra-index-url=" + "https://example.test"),
        (INDEX, "https://example.test" + "/simple/torch"),
        (MACHINE, "cd " + "/".join(["", "root", "data"])),
        (MACHINE, "'" + "/".join(["", "home", "me", "zoo'"])),
    ],
)
def test_offence_is_recognised(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_lock_states_a_hash_for_every_version() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
    assert len(pinned) > 50
    for number in pinned:
        assert re.match(r"[a-z0-9._-]+==\S+( ; .+)? \\$", lines[number]), lines[number]
        assert lines[number + 1].startswith("    --hash=sha256:")


TRACKERS = {"mlflow", "clearml", "wandb"}
"""Extras of packages that hundreds of others come with; their tests run where they are installed."""


def test_lock_holds_what_the_packages_and_the_tools_ask_for() -> None:
    asked = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        locked = [lines for name, lines in extras.items() if name not in TRACKERS]
        asked += [*project["dependencies"], *(line for lines in locked for line in lines)]
    names = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower() for line in asked if line and not line.startswith("#")}
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert {name for name in names if not name.startswith("zoo-") and f"\n{name}==" not in lock} == set()


def test_no_lock_file_with_download_addresses() -> None:
    assert not [path for path in repository_files() if path.name in {"uv.lock", "poetry.lock", "pdm.lock"}]


def test_licence_is_apache_2_0() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_0
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["license"] == "Apache-2.0"


def test_packages_share_one_version() -> None:
    versions = set()
    for package in PACKAGES:
        init = package / "src" / package.name.replace("-", "_") / "__init__.py"
        for node in ast.parse(init.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
                versions.add(ast.literal_eval(node.value))
    assert len(versions) == 1
    assert f"## {versions.pop()}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
