"""Wheels and source archives hold every file of their package, and the licence."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ["zoo-classification", "zoo-core", "zoo-detection", "zoo-pose", "zoo-reid", "zoo-stm32"]
pytestmark = [pytest.mark.slow, pytest.mark.network]


def wheel(folder: Path, name: str) -> zipfile.ZipFile:
    (path,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return zipfile.ZipFile(path)


def files_of(package: Path) -> set[str]:
    source = package / "src"
    found = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(source)) for path in found}


def test_every_package_is_tried():
    assert sorted(path.parent.name for path in (ROOT / "packages").glob("*/pyproject.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_holds_every_file_of_its_package(archives, name):
    with wheel(archives, name) as opened:
        members = set(opened.namelist())
        (metadata,) = [opened.read(member).decode() for member in members if member.endswith("/METADATA")]
        (entries,) = [opened.read(member).decode() for member in members if member.endswith("/entry_points.txt")]
    assert {member for member in members if ".dist-info/" not in member} == files_of(ROOT / "packages" / name)
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert "[zoo]" in entries


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_from_the_source_archive_is_the_same(archives, name, tmp_path):
    (archive,) = archives.glob(f"{name.replace('-', '_')}-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")]
    subprocess.run(command, cwd=unpacked, check=True, capture_output=True)
    with wheel(tmp_path / "again", name) as again, wheel(archives, name) as first:
        assert {item.filename: item.CRC for item in again.infolist()} == {
            item.filename: item.CRC for item in first.infolist()
        }
