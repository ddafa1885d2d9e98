"""Own `zoo plugins`: every plugin, whether it works, what it provides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

if TYPE_CHECKING:
    from zoo_core.plugins.report import PluginReport

STYLES = {"ok": "green", "broken": "red", "disabled": "yellow"}

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=PlainCommand)
@shared_options
def plugins(session: Session) -> None:
    """List the plugins, whether they work and what they provide."""
    catalog = session.catalog()
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
    for problem in catalog.problems:
        output.emit_warning(problem)


def _provided(report: PluginReport) -> str:
    counts = [(len(names), kind) for kind, names in report.provides.items() if names]
    return ", ".join(f"{count} {kind if count > 1 else kind.removesuffix('s')}" for count, kind in counts) or "-"
