"""Own `zoo run`: from a configuration file to the table at the end, and on from where a run stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config, split_arguments
from zoo_core.errors import UserError
from zoo_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.reporting.summary import SummaryRow
    from zoo_core.services.plan import Plan
    from zoo_core.services.run import RunSummary

REPORT = "report.html"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=PlainCommand)
@shared_options
def run(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN_DIR", help="Go on with this run where it stopped.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, print the plan, run nothing.")] = False,
) -> None:
    """Carry a configuration file through its chain of services."""
    from zoo_core.services.ranks import is_follower

    if resume is None:
        source, overrides = find_config(arguments, config_path, config_name)
    else:
        source, overrides = resume, _resume_overrides(arguments, config_path, config_name, dry_run=dry_run)
    session.quiet |= is_follower()
    catalog = session.catalog()
    with _remember_run_dir(session, catalog):
        summary = _carry_out(session, catalog, source, overrides, resume=resume is not None, dry_run=dry_run)
    session.run_dir = None
    if summary is None:
        return
    if session.json:
        output.emit_json(_document(summary))
    elif summary.run_dir is None:
        _print_plan(summary)
    else:
        _print_result(summary, summary.run_dir)


def _carry_out(
    session: Session, catalog: Catalog, source: Path, overrides: Sequence[str], *, resume: bool, dry_run: bool
) -> RunSummary | None:
    """Run a file or go on with a run folder; a process that only computes its share of a training stays silent."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.services.ranks import is_follower
    from zoo_core.services.run import resume_run, run_file

    silent = is_follower()
    with open_progress(quiet=session.quiet, silent=silent) as progress:
        if resume:
            summary = resume_run(source, overrides, catalog=catalog, progress=progress)
        else:
            summary = run_file(source, overrides, catalog=catalog, progress=progress, dry_run=dry_run)
    return None if silent else summary


def _resume_overrides(
    arguments: Sequence[str] | None, config_path: Path | None, config_name: str | None, *, dry_run: bool
) -> tuple[str, ...]:
    named, overrides = split_arguments(arguments)
    if named is not None or config_path is not None or config_name is not None:
        msg = "--resume takes the configuration from the run; no file can be named beside it."
        raise UserError(msg, hint="Change values with key=value; stages they concern are computed again.")
    if dry_run:
        msg = "--resume and --dry-run cannot be combined."
        raise UserError(msg, hint="See which stages are done: zoo runs show RUN_DIR")
    return overrides


class _StageWatcher:
    """Note the run folder when the first stage starts, for the message after an interruption or a failure."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @hookimpl
    def zoo_before_stage(self, run_dir: Path) -> None:
        """Take the folder."""
        self._session.run_dir = run_dir


@contextmanager
def _remember_run_dir(session: Session, catalog: Catalog) -> Iterator[None]:
    manager = catalog.relay.manager
    if manager is None:
        yield
        return
    watcher = _StageWatcher(session)
    manager.register(watcher, "zoo-cli")
    try:
        yield
    finally:
        manager.unregister(watcher)


def _print_result(summary: RunSummary, run_dir: Path) -> None:
    """Print what was measured on images, the test first, then what the model costs and where, and the folder."""
    for rows in (
        sorted((row for row in summary.rows if row.split), key=_rank),
        [row for row in summary.rows if not row.split],
    ):
        if rows:
            output.emit_text()
            output.emit_table(*_table(rows), right={"FLOAT", "INT8", "INT8 - FLOAT", "VALUE"})
    output.emit_text(f"\nResults are in {output.short_path(run_dir)}")
    report = _report(run_dir)
    if report is not None:
        output.emit_text(f"Report: {output.short_path(report)}")


def _rank(row: SummaryRow) -> int:
    from zoo_core.protocols import TEST, VALIDATION

    order = (TEST, VALIDATION)
    return order.index(row.split) if row.split in order else len(order)


def _report(run_dir: Path) -> Path | None:
    path = run_dir / REPORT
    return path if path.is_file() else None


def _print_plan(summary: RunSummary) -> None:
    _print_remarks(summary)
    for planned in summary.plan.stages:
        output.emit_text(planned.describe())
    output.emit_note("Nothing was run, since --dry-run was given.")


def _print_remarks(summary: RunSummary) -> None:
    for text in summary.notes:
        output.emit_note(text)
    for text in summary.warnings:
        output.emit_warning(text)


def _table(rows: Sequence[SummaryRow]) -> tuple[list[str], list[list[str]]]:
    from zoo_core.reporting.metric_text import metric_text

    quantized = any(row.int8_value is not None for row in rows)
    cells = [
        [
            row.name,
            row.split or "-",
            metric_text(row.float_value, row.unit),
            (row.text if quantized else None) or metric_text(row.int8_value, row.unit),
            metric_text(row.difference, row.unit, signed=True),
            (None if quantized else row.text) or metric_text(row.other_value, row.unit),
        ]
        for row in rows
    ]
    columns = ["METRIC", "SPLIT", "FLOAT", "INT8", "INT8 - FLOAT", "VALUE"]
    kept = [index for index in range(len(columns)) if any(row[index] != "-" for row in cells)]
    return [columns[index] for index in kept], [[row[index] for index in kept] for row in cells]


def _document(summary: RunSummary) -> dict[str, Any]:
    report = None if summary.run_dir is None else _report(summary.run_dir)
    return {
        "run_dir": None if summary.run_dir is None else str(summary.run_dir),
        "report": None if report is None else str(report),
        "plan": _plan_document(summary.plan),
        "metrics": [
            {
                "name": row.name,
                "split": row.split,
                "unit": row.unit,
                "higher_is_better": row.higher_is_better,
                "float": row.float_value,
                "int8": row.int8_value,
                "value": row.text or row.other_value,
            }
            for row in summary.rows
        ],
        "notes": list(summary.notes),
        "warnings": list(summary.warnings),
    }


def _plan_document(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "id": planned.stage.id,
            "service": planned.stage.service,
            "takes": None if planned.takes is None else planned.takes.kind.kind,
            "from": None if planned.takes is None else planned.takes.made_by,
            "makes": None if planned.makes is None else planned.makes.kind,
            "inserted": planned.inserted,
        }
        for planned in plan.stages
    ]
