"""Own the tests of finding the tool and reading its version."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from zoo_core.errors import MissingError, UserError
from zoo_stm32.stedgeai import find_stedgeai
from zoo_stm32.testing.stedgeai import install_stedgeai


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("STM32_AI_EXE", raising=False)


def test_version_and_components_come_from_the_program(tmp_path):
    tool = find_stedgeai(install_stedgeai(tmp_path / "a", version="2.2.0-20266 2adc00962"))
    assert tool.version == "2.2.0-20266 2adc00962"
    assert tool.components["STM32CubeAI"] == "10.0.0"
    assert tool.notes == ()


def test_the_configured_path_wins_over_the_path_and_that_over_the_environment(tmp_path, monkeypatch):
    configured = install_stedgeai(tmp_path / "a", version="2.0.0-A1")
    on_path = install_stedgeai(tmp_path / "b", version="3.0.0-1")
    named = install_stedgeai(tmp_path / "c", version="4.0.1-20581")
    monkeypatch.setenv("STM32_AI_EXE", str(named))
    assert find_stedgeai(None).version == "4.0.1-20581"
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert find_stedgeai(None).version == "3.0.0-1"
    assert find_stedgeai(configured).version == "2.0.0-A1"


def test_a_configured_path_that_does_not_exist_is_said_when_another_is_taken(tmp_path, monkeypatch):
    on_path = install_stedgeai(tmp_path / "b")
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    tool = find_stedgeai(Path("C:/ST/STEdgeAI/2.0/Utilities/windows/stedgeai.exe"))
    assert len(tool.notes) == 1
    assert "C:/ST/STEdgeAI/2.0" in tool.notes[0]
    assert str(on_path) in tool.notes[0]


def test_nowhere_lists_all_places_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("STM32_AI_EXE", "/nowhere/stedgeai")
    with pytest.raises(MissingError) as caught:
        find_stedgeai(tmp_path / "absent")
    text = str(caught.value)
    for expected in (str(tmp_path / "absent"), "PATH", "/nowhere/stedgeai", "STEDGEAI-CORE", "account", "emulator"):
        assert expected in text


@pytest.mark.parametrize(
    ("expected", "noted"), [("", 0), ("2.2", 0), ("v2.2.0", 0), ("10.0.0", 0), ("2.1.0", 1), ("2", 0), ("8.1.0", 1)]
)
def test_another_version_than_configured_is_noted(tmp_path, expected, noted):
    tool = find_stedgeai(install_stedgeai(tmp_path, version="2.2.0-20266"), expected_version=expected)
    assert len(tool.notes) == noted


def test_a_version_after_those_known_is_noted(tmp_path):
    notes = find_stedgeai(install_stedgeai(tmp_path, version="7.0.0-1")).notes
    assert "7.0.0" in notes[0]
    assert "2.x, 3.x and 4.x" in notes[0]


@pytest.mark.parametrize(
    ("failure", "error", "says"),
    [
        ("not_executable", UserError, "may not be executed"),
        ("version_unreadable", UserError, "does not state a version.*exit status 3"),
        ("predecessor", UserError, "stm32ai, the predecessor"),
    ],
)
def test_each_failure_is_one_message(tmp_path, failure, error, says):
    with pytest.raises(error) as caught:
        find_stedgeai(install_stedgeai(tmp_path, failure=failure))
    assert re.search(says, str(caught.value))
    assert caught.value.hint


def test_a_file_that_is_no_program(tmp_path):
    program = install_stedgeai(tmp_path, failure="wrong_file")
    program.chmod(0o755)
    with pytest.raises(UserError, match="it is no program"):
        find_stedgeai(program)


def test_a_folder_is_told_which_program_to_name(tmp_path):
    program = install_stedgeai(tmp_path / "4.0" / "Utilities" / "linux")
    with pytest.raises(UserError) as caught:
        find_stedgeai(tmp_path / "4.0")
    assert str(program) in str(caught.value.hint)


def test_a_licence_prompt_ends_within_its_time(tmp_path):
    program = install_stedgeai(tmp_path, failure="licence_prompt")
    before = time.monotonic()
    with pytest.raises(MissingError, match="accept the licence agreement") as caught:
        find_stedgeai(program, limit_s=1.5)
    assert time.monotonic() - before < 5
    assert "by hand in a terminal" in str(caught.value.hint)
