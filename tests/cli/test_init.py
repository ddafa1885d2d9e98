"""`zoo init` writes a starter file and never overwrites one."""

from pathlib import Path

import pytest

TEXT = "# counting\noperation_mode: training\n"


@pytest.fixture(autouse=True)
def _starter(folder: Path, monkeypatch: pytest.MonkeyPatch, small_catalog) -> None:
    (folder / "tests_cli_starter.py").write_text(f"TEXT = {TEXT!r}\n")
    monkeypatch.syspath_prepend(folder)


def test_init_writes_the_starter_and_names_the_next_commands(cli, folder: Path) -> None:
    answer = cli("init", "counting")
    assert answer.code == 0
    assert (folder / "user_config.yaml").read_text() == TEXT
    assert "zoo config check user_config.yaml" in answer.out
    assert "zoo run user_config.yaml" in answer.out


def test_init_leaves_an_existing_file_alone(cli, folder: Path) -> None:
    (folder / "user_config.yaml").write_text("mine")
    answer = cli("init", "counting")
    assert answer.code == 2
    assert "exists already" in answer.err
    assert (folder / "user_config.yaml").read_text() == "mine"


def test_init_writes_where_it_is_told(cli, folder: Path) -> None:
    document = cli("init", "object_counting", "--output", "deep.yaml", "--json").document
    assert document == {"schema_version": 1, "file": str(folder / "deep.yaml")}
    assert (folder / "deep.yaml").read_text() == TEXT


def test_init_prints_with_a_dash(cli, folder: Path) -> None:
    assert cli("init", "counting", "--output", "-").out == TEXT
    assert not (folder / "user_config.yaml").exists()


def test_init_into_an_absent_folder_is_the_users_mistake(cli) -> None:
    answer = cli("init", "counting", "--output", "absent/a.yaml")
    assert answer.code == 2
    assert "Cannot write" in answer.err


def test_init_of_an_unknown_use_case_suggests_one(cli) -> None:
    assert "Did you mean counting" in cli("init", "countign").err
