"""The help says what each command does, and its static table agrees with the commands."""

import inspect
import re

import pytest
import typer

from zoo_core import __version__
from zoo_core.cli.main import COMMANDS, app


def group_of(name: str) -> typer.Typer:
    return COMMANDS[name].app.load()


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_of_the_table_is_the_first_line_of_the_docstring(name: str) -> None:
    application = group_of(name)
    info = application.registered_callback or application.registered_commands[0]
    assert inspect.getdoc(info.callback).splitlines()[0] == COMMANDS[name].summary


def test_root_help_lists_every_command_with_its_summary(cli) -> None:
    answer = cli("--help")
    assert answer.code == 0
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.summary)}$", answer.out, flags=re.MULTILINE)


def test_root_without_arguments_shows_the_help(cli) -> None:
    assert cli().out == cli("--help").out


@pytest.mark.parametrize("arguments", [["runs"], ["config"]])
def test_group_without_command_shows_its_help(cli, arguments: list[str]) -> None:
    answer = cli(*arguments)
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: zoo {arguments[0]} ")
    assert "Commands:" in answer.out


def test_version_is_that_of_the_package(cli) -> None:
    assert cli("--version").out == f"zoo {__version__}\n"


def test_short_option_shows_the_help(cli) -> None:
    assert cli("run", "-h").out == cli("run", "--help").out


def test_usage_writes_arguments_as_a_person_would(cli) -> None:
    assert cli("run", "--help").out.startswith("Usage: zoo run [OPTIONS] [FILE] [KEY=VALUE]...\n")
    assert cli("list", "--help").out.startswith("Usage: zoo list [OPTIONS] KIND [PATTERN]\n")


def test_application_is_a_typer_application_named_zoo() -> None:
    assert isinstance(app, typer.Typer)
    assert app.info.name == "zoo"
