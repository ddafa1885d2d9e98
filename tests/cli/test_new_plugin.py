"""`zoo new plugin` writes a whole distribution, says what comes next, and refuses everything wrong at once."""

from pathlib import Path

import pytest


def test_new_plugin_is_written_and_the_next_commands_are_named(cli, folder: Path, small_catalog) -> None:
    answer = cli("new", "plugin", "my-net")
    assert answer.code == 0
    assert (folder / "zoo-my-net/src/zoo_my_net/model.py").is_file()
    first, *commands = answer.out.splitlines()
    assert first == "Wrote zoo-my-net: model my_net in 11 files. Next:"
    assert [line.split()[0] for line in commands] == ["pip", "pytest", "zoo"]


def test_json_lists_what_was_written(cli, folder: Path, small_catalog) -> None:
    document = cli("new", "plugin", "my-photos", "--kind", "dataset", "--output", "plugins", "--json").document
    root = folder / "plugins/zoo-my-photos"
    assert document["distribution"] == "zoo-my-photos"
    assert document["component"] == "my_photos"
    assert document["kind"] == "dataset"
    assert document["folder"] == str(root)
    assert sorted(document["files"]) == sorted(
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()
    )
    assert len(document["next"]) == 3


@pytest.mark.parametrize("task", ["detection", "reid", "pose"])
def test_model_of_another_use_case_is_written(cli, folder: Path, small_catalog, task: str) -> None:
    assert cli("new", "plugin", "my-net", "--task", task).code == 0
    assert f'task="{task}"' in (folder / "zoo-my-net/src/zoo_my_net/plugin.py").read_text()


def test_everything_wrong_is_said_at_once(cli, folder: Path, small_catalog) -> None:
    (folder / "zoo-acme-quantizer").mkdir()
    answer = cli("new", "plugin", "acme-quantizer", "--kind", "quantizer", "--task", "pose")
    assert answer.code == 2
    assert "for 2 reasons" in answer.err
    assert "leave out --task pose" in answer.err
    assert "zoo-acme-quantizer exists already" in answer.err
    assert list(folder.rglob("*")) == [folder / "zoo-acme-quantizer"]


def test_misspelt_name_and_kind_are_said_at_once(cli, folder: Path, small_catalog) -> None:
    answer = cli("new", "plugin", "My_Net", "--kind", "modle")
    assert answer.code == 2
    assert "such as my-net" in answer.err
    assert "Did you mean model?" in answer.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "owned"),
    [
        ("acme-quantizer", "a quantizer acme_quantizer"),
        ("acme-board", "a target acme_board"),
        ("acme-1", "a target ACME-1"),  # what is written for a board answers to that name too
    ],
)
def test_names_of_installed_components_are_taken(cli, small_catalog, name: str, owned: str) -> None:
    kind = owned.split()[1]
    answer = cli("new", "plugin", name, "--kind", kind, "--output", "absent")
    assert answer.code == 2
    assert f"zoo-acme 0.3 has {owned} already" in answer.err
    assert not Path("absent").exists()


def test_use_cases_may_share_the_name_of_a_model(cli, folder: Path, small_catalog) -> None:
    """`counter_net` of the catalogue is for counting, the new one for classification."""
    assert cli("new", "plugin", "counter-net").code == 0


def test_existing_folder_is_never_written_into(cli, folder: Path, small_catalog) -> None:
    assert cli("new", "plugin", "my-net").code == 0
    mine = folder / "zoo-my-net/README.md"
    mine.write_text("mine")
    answer = cli("new", "plugin", "my-net")
    assert answer.code == 2
    assert "is left as it is" in answer.err
    assert mine.read_text() == "mine"


def test_file_in_the_place_of_the_folder_is_the_users_mistake(cli, folder: Path, small_catalog) -> None:
    (folder / "plugins").write_text("a file")
    answer = cli("new", "plugin", "my-net", "--output", "plugins")
    assert answer.code == 2
    assert "plugins is a file, not a folder" in answer.err


def test_without_a_command_the_group_shows_its_help(cli) -> None:
    answer = cli("new")
    assert answer.code == 0
    assert "plugin" in answer.out
