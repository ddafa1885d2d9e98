"""Own `zoo plugins`: every plugin, whether it works, what it provides; and which of them are not to be loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typer._click import Context

    from zoo_core.plugins.report import PluginReport
    from zoo_core.plugins.switch import Switched

STYLES = {"ok": "green", "broken": "red", "disabled": "yellow"}
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Plugin, or distribution with all its plugins.", show_default=False)
]


class ListingGroup(CommandGroup):
    """List when no command is given."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        return TyperGroup.parse_args(self, ctx, args)


app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=ListingGroup)


@app.callback(invoke_without_command=True)
@shared_options
def plugins(session: Session, *, context: typer.Context) -> None:
    """List the plugins, whether they work and what they provide.

    One that is not wanted can be disabled; it is not even imported then.
    """
    if context.invoked_subcommand is not None:
        return
    catalog = session.catalog(tell=False)
    if session.json:
        reports = [report.to_dict() for report in catalog.reports]
        output.emit_json({"plugins": reports, "problems": list(catalog.problems)})
        return
    rows = [
        [report.distribution, report.name, report.version, report.status, _provided(report)]
        for report in catalog.reports
    ]
    columns = ["DISTRIBUTION", "PLUGIN", "VERSION", "STATUS", "PROVIDES"]
    output.emit_table(columns, rows, wrap={"PROVIDES"}, styles=STYLES)
    for note in _disabled(catalog.reports):
        output.emit_note(note)
    for problem in catalog.problems:
        output.emit_warning(problem)


@app.command(cls=PlainCommand)
@shared_options
def disable(session: Session, *, name: Name) -> None:
    """Do not load a plugin any more, from now on and in every command."""
    from zoo_core.plugins.switch import disable_plugin

    _tell(session, "disabled", disable_plugin(name))


@app.command(cls=PlainCommand)
@shared_options
def enable(session: Session, *, name: Name) -> None:
    """Load a plugin again that was disabled."""
    from zoo_core.plugins.switch import enable_plugin

    _tell(session, "enabled", enable_plugin(name))


def _tell(session: Session, state: str, switched: Switched) -> None:
    from zoo_core.plugins.selection import ENVIRONMENT_VARIABLE

    if session.json:
        output.emit_json(
            {
                "plugins": list(switched.plugins),
                "state": state,
                "changed": switched.changed,
                "disabled": list(switched.disabled),
                "file": str(switched.file),
            }
        )
        return
    several = len(switched.plugins) > 1
    subject = f"Plugin{'s' if several else ''} {', '.join(switched.plugins)}"
    output.emit_text(f"{subject} {'are' if several else 'is'} {'now' if switched.changed else 'already'} {state}.")
    output.emit_note(f"This is kept in {switched.file}")
    if ENVIRONMENT_VARIABLE in os.environ:
        output.emit_note(f"{ENVIRONMENT_VARIABLE} is set and decides alone which plugins are loaded.")


def _disabled(reports: Sequence[PluginReport]) -> Iterable[str]:
    """Yield a sentence per cause for which plugins were not loaded."""
    causes: dict[str, list[str]] = {}
    for report in reports:
        if report.status == "disabled" and report.cause is not None:
            causes.setdefault(report.cause, []).append(report.name)
    return (f"Not loaded: {', '.join(names)} ({cause})." for cause, names in causes.items())


def _provided(report: PluginReport) -> str:
    counts = [(len(names), kind) for kind, names in report.provides.items() if names]
    return ", ".join(f"{count} {kind if count > 1 else kind.removesuffix('s')}" for count, kind in counts) or "-"
