"""Own the report at the end of a run: written whatever became of the run, never the reason that one fails."""

from __future__ import annotations

from pathlib import Path

from zoo_core.services.attempt import attempt
from zoo_core.services.context import RunContext


def write_run_report(context: RunContext) -> Path | None:
    """Write `report.html` into the folder of the run and return its path; nothing when it is switched off or fails."""
    if not context.config.general.report:
        return None
    folder = context.layout.root
    cure = f"Try again with: zoo runs report {folder}"
    with attempt("The report", cure), context.progress.track("Writing the report", None):
        from zoo_core.reporting.report import write_report

        return write_report(folder)
    return None
