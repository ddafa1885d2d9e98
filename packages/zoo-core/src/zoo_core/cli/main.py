"""Own the `zoo` command: its table of commands, and the border where every error becomes a message and a code."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from zoo_core.cli import _output as output
from zoo_core.cli._group import LazyCommand, LazyGroup
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.errors import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, UserError, ZooError
from zoo_core.lazy import LazyRef

COMMANDS: dict[str, LazyCommand] = {
    name: LazyCommand(LazyRef(f"zoo_core.cli.{name.replace('-', '_')}:app"), summary)
    for name, summary in {
        "run": "Carry a configuration file through its chain of services.",
        "list": "List what is installed: models, datasets, targets and more.",
        "show": "Show one component, where it comes from and the keys it takes.",
        "boards": "List the boards with their core, clock and memories.",
        "plugins": "List the plugins, whether they work and what they provide.",
        "doctor": "Examine this installation and every plugin of it.",
        "config": "Check or show a configuration file, or print its schema.",
        "data": "Examine the images of a configuration file.",
        "plot-lr": "Draw the learning rate of a configuration file over the epochs.",
        "init": "Write a commented configuration file to start from.",
        "new": "Write a new plugin to start from.",
        "runs": "List, show, compare, report or publish runs that were carried out.",
        "card": "Write the model card of a run, after hashing the files it measured.",
    }.items()
}

EPILOG = """\b
Start here:
  zoo init classification       write user_config.yaml
  zoo config check              find every mistake in it
  zoo run                       train, quantize, evaluate, ...
"""


class Root(LazyGroup):
    """Hold the commands of `zoo`."""

    table = COMMANDS


app = typer.Typer(
    name="zoo",
    cls=Root,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=EPILOG,
)


def _print_version(value: bool) -> None:
    if value:
        from zoo_core import __version__

        output.emit_text(f"zoo {__version__}")
        raise typer.Exit


@app.callback()
@shared_options
def root(
    session: Session,
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """Train, quantize, evaluate, benchmark and deploy small vision models, each run from one YAML file."""


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    _leave(run_cli(sys.argv[1:]))


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; no exception leaves but that of a closed pipe."""
    session = Session()
    try:
        code = copy_context().run(_invoke, arguments, session)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more, as in `zoo list models | head`; keep the interpreter from writing at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERNAL
    if code == EXIT_INTERRUPTED:
        output.emit_interruption(session.run_dir)
    return code


def _leave(code: int) -> NoReturn:
    """End the process without the seconds in which Python would look for garbage in all that torch has imported.

    What waits for the end is still done; where other threads work, the usual end waits for them.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - Python has no public name for it
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)


def _invoke(arguments: Sequence[str], session: Session) -> int:
    try:
        code = get_command(app).main(list(arguments), prog_name="zoo", standalone_mode=False, obj=session)
    except ZooError as error:
        return _report(error, arguments, session, error.exit_code)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except typer.TyperException as error:
        return _report(_usage_error(error), arguments, session, error.exit_code)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the border: whatever is left is a fault of ours, and is said so
        return _report(error, arguments, session, EXIT_INTERNAL)
    return code if isinstance(code, int) else EXIT_OK


def _report(error: Exception, arguments: Sequence[str], session: Session, code: int) -> int:
    # A mistake in the command line itself ends before its options are taken, so they are looked for here too.
    as_json = session.json or "--json" in arguments
    debug = session.debug or "--debug" in arguments
    output.emit_error(error, as_json=as_json, debug=debug, run_dir=session.run_dir)
    return code


def _usage_error(error: typer.TyperException) -> UserError:
    context = getattr(error, "ctx", None)
    if context is None:
        return UserError(error.format_message())
    return UserError(error.format_message(), hint=f"{context.get_usage()}\nSee: {context.command_path} --help")
