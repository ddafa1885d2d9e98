"""Options are few and change only on purpose: settings belong into the configuration file."""

from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from zoo_core.cli.main import COMMANDS, app

FROZEN = Path(__file__).with_name("frozen_options.txt")


def lines_of(path: str, command) -> Iterator[str]:
    for param in command.params:
        label = "/".join(param.opts) if param.param_type_name == "option" else param.metavar
        yield f"{path} {label}"
    for name, child in getattr(command, "commands", {}).items():
        yield from lines_of(f"{path} {name}", child)


def test_command_line_equals_the_frozen_list() -> None:
    found = list(lines_of("zoo", get_command(app)))
    for name, entry in COMMANDS.items():
        found.extend(lines_of(f"zoo {name}", get_command(entry.app.load())))
    assert found == FROZEN.read_text(encoding="utf-8").splitlines(), (
        "The command line changed. When that is meant, change frozen_options.txt and docs/cli.md with it; "
        "settings of a run belong into the configuration file."
    )
