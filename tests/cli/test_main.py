"""Every error becomes a message that says what to do, and an exit code that a script can use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo_core.cli import _output as output
from zoo_core.cli.main import COMMANDS, run_cli
from zoo_core.errors import ConfigError, ConfigIssue, MissingError, PluginError, UserError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes `zoo plugins` fail with an error."""

    def fail_with(error: BaseException) -> None:
        def get_catalog(selection=None):
            raise error

        monkeypatch.setattr("zoo_core.plugins.get_catalog", get_catalog)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("wrong"), 2),
        (ConfigError([ConfigIssue(key="a.b", message="wrong")]), 2),
        (MissingError("absent"), 3),
        (PluginError("zoo-acme 0.3 failed"), 1),
        (ValueError("ours"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_code_tells_whose_fault_it_is(cli, failing, error: BaseException, code: int) -> None:
    failing(error)
    assert cli("plugins").code == code


def test_error_shows_message_and_cure_and_no_traceback(cli, failing) -> None:
    failing(MissingError('Dataset "coco" needs pycocotools.', hint='Install: pip install "zoo-detection[coco]"'))
    answer = cli("plugins")
    assert answer.out == ""
    assert answer.err == ('error: Dataset "coco" needs pycocotools.\n  Install: pip install "zoo-detection[coco]"\n')


def test_configuration_error_shows_every_problem_with_key_place_and_cure(cli, failing, folder) -> None:
    failing(
        ConfigError(
            [
                ConfigIssue(
                    key="training.epoch",
                    message="unknown key.",
                    hint="Did you mean epochs?",
                    file=str(folder / "user_config.yaml"),
                    line=31,
                ),
                ConfigIssue(key="operation_mode", message="is not set.", file="command line"),
                ConfigIssue(key="dataset", message="the section is missing.\nIt is needed."),
            ]
        )
    )
    assert cli("plugins").err == (
        "error: 3 problems in the configuration:\n\n"
        "  training.epoch  user_config.yaml:31\n"
        "      unknown key.\n"
        "      Did you mean epochs?\n\n"
        "  operation_mode  command line\n"
        "      is not set.\n\n"
        "  dataset\n"
        "      the section is missing.\n"
        "      It is needed.\n\n"
    )


def test_internal_error_is_one_line_that_offers_the_traceback(cli, failing) -> None:
    failing(ValueError("ours"))
    answer = cli("plugins")
    assert answer.err.splitlines()[0] == "internal error: ValueError: ours"
    assert "--debug" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("arguments", [["plugins", "--debug"], ["--debug", "plugins"]])
def test_debug_shows_the_traceback_before_or_after_the_command(cli, failing, arguments: list[str]) -> None:
    failing(ValueError("ours"))
    answer = cli(*arguments)
    assert "Traceback (most recent call last)" in answer.err
    assert answer.err.splitlines()[-1] == "internal error: ValueError: ours"


@pytest.mark.parametrize("arguments", [["plugins", "--json"], ["--json", "plugins"]])
def test_json_gives_errors_as_a_document_too(cli, failing, arguments: list[str]) -> None:
    issue = ConfigIssue(key="a.b", message="wrong", hint="mend it", file="c.yaml", line=4)
    failing(ConfigError([issue]))
    answer = cli(*arguments)
    assert answer.document == {
        "schema_version": 1,
        "error": {
            "type": "ConfigError",
            "exit_code": 2,
            "message": "1 problem in the configuration:\n  a.b (c.yaml:4): wrong mend it",
            "hint": None,
            "run_dir": None,
            "issues": [{"key": "a.b", "message": "wrong", "hint": "mend it", "file": "c.yaml", "line": 4}],
        },
    }
    assert "a.b" in answer.err


def test_unknown_command_names_the_nearest(cli) -> None:
    answer = cli("lst")
    assert answer.code == 2
    assert answer.err == 'error: zoo has no command "lst".\n  Did you mean list?\n  See: zoo --help\n'


def test_unknown_command_of_a_group_names_the_nearest(cli) -> None:
    answer = cli("runs", "compaer")
    assert answer.code == 2
    assert answer.err.splitlines()[:2] == ['error: zoo runs has no command "compaer".', "  Did you mean compare?"]


def test_unknown_option_shows_the_usage(cli) -> None:
    answer = cli("run", "--epochs", "3")
    assert answer.code == 2
    assert answer.err.splitlines() == [
        "error: No such option: --epochs",
        "  Usage: zoo run [OPTIONS] [FILE] [KEY=VALUE]...",
        "  See: zoo run --help",
    ]


def test_mistake_in_the_command_line_is_a_document_with_json(cli) -> None:
    answer = cli("list", "--json")
    assert answer.code == 2
    assert answer.document["error"]["exit_code"] == 2


def test_plugins_and_no_plugins_contradict_each_other(cli) -> None:
    answer = cli("--no-plugins", "plugins", "--plugins", "zoo-acme")
    assert answer.code == 2
    assert "contradict" in answer.err


def test_interruption_names_the_command_that_continues(capsys) -> None:
    output.emit_interruption(Path("runs/one"))
    assert "zoo run --resume runs/one" in capsys.readouterr().err


def test_missing_library_of_a_command_is_said_to_be_missing(cli, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "zoo_core.cli.plugins", None)
    answer = cli("plugins")
    assert answer.code != 0
    assert "Traceback" not in answer.err


def test_module_and_script_are_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "zoo_core", "lst"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith('error: zoo has no command "lst".')


def test_closed_pipe_ends_quietly() -> None:
    program = f"{sys.executable} -m zoo_core list models --json | head -n 1"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "{\n"
    assert done.stderr == ""


LATE = """
import atexit, sys, threading, time
from zoo_core.cli.main import main

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        print("searched for garbage", flush=True)

kept = Cycle()
atexit.register(print, "what waits for the end")
if sys.argv[1] == "busy":
    threading.Timer(0.5, print, ["another thread"]).start()
sys.argv = ["zoo", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize(
    ("how", "arguments", "code", "lines"),
    [
        ("idle", ("--version",), 0, ["what waits for the end"]),
        ("idle", ("lst",), 2, ["what waits for the end"]),
        ("busy", ("lst",), 2, ["another thread", "what waits for the end", "searched for garbage"]),
    ],
)
def test_the_end_is_quick_and_leaves_nothing_undone(how, arguments, code, lines) -> None:
    command = [sys.executable, "-c", LATE, how, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert [line for line in done.stdout.splitlines() if not line.startswith("zoo ")] == lines
    assert done.stdout.startswith("zoo ") == (code == 0)


def test_every_command_has_a_module_of_its_name() -> None:
    modules = {name.replace("-", "_") for name in COMMANDS}
    assert {command.app.path for command in COMMANDS.values()} == {f"zoo_core.cli.{name}:app" for name in modules}


def test_run_cli_returns_a_code_and_raises_nothing(capsys) -> None:
    assert run_cli(["show"]) == 2
    assert json.dumps(capsys.readouterr().err)
