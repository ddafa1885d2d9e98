"""Own `zoo runs`: the runs that were carried out, one in detail, several side by side, one sent to a tracker."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.errors import UserError

if TYPE_CHECKING:
    from zoo_core.runs.store import RunRecord

DEFAULT_ROOT = Path("experiments_outputs")
STYLES = {
    "done": "green",
    "running": "cyan",
    "failed": "red",
    "interrupted": "yellow",
}
MINUTES = len("2026-11-20 14:12")
"""Length of a time without its seconds."""
RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder of a run.", show_default=False)]

app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=CommandGroup)


@app.callback()
def runs() -> None:
    """List, show, compare, report or publish runs that were carried out."""


@app.command(name="list", cls=PlainCommand)
@shared_options
def list_runs(
    session: Session,
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Folder that holds runs, at any depth.")
    ] = DEFAULT_ROOT,
) -> None:
    """List the runs below a folder, oldest first."""
    from zoo_core.runs import store

    if not folder.is_dir():
        msg = f"There is no folder {folder.resolve()}."
        raise UserError(msg, hint="Name the folder that holds the runs: zoo runs list DIR")
    records = store.list_runs(folder)
    if session.json:
        output.emit_json({"runs": [_summary(record) for record in records]})
        return
    if not records:
        output.emit_note(f"No run lies below {folder.resolve()}.")
        return
    rows = [
        [
            output.short_path(record.run_dir),
            record.manifest.created.replace("T", " ")[:MINUTES],
            record.manifest.status,
            record.manifest.operation_mode,
            record.manifest.model_name or "-",
            _progress(record),
        ]
        for record in records
    ]
    output.emit_table(["RUN", "STARTED", "STATUS", "MODE", "MODEL", "STAGES"], rows, styles=STYLES)


@app.command(cls=PlainCommand)
@shared_options
def show(session: Session, *, run_dir: RunDir) -> None:
    """Show one run: its stages, its metrics, what it was made with."""
    from zoo_core.runs import store

    record = store.read_run(run_dir)
    if session.json:
        output.emit_json({"run": _detail(record)})
        return
    manifest = record.manifest
    output.emit_fields(
        [
            ("run", str(run_dir)),
            ("status", manifest.status),
            ("mode", manifest.operation_mode),
            ("use case", manifest.use_case),
            ("model", manifest.model_name),
            ("file", manifest.config_file),
            ("overrides", list(manifest.overrides) or None),
            ("started", manifest.created),
            ("seed", str(manifest.seed)),
        ]
    )
    output.emit_text()
    output.emit_table(*_stage_table(record), wrap={"ERROR"}, right={"TIME"}, styles=STYLES)
    if record.metrics:
        output.emit_text()
        output.emit_table(*_metric_table(record), right={"VALUE"})
    if manifest.status != "done":
        output.emit_text(f"\nContinue it with: zoo run --resume {run_dir}")


@app.command(cls=PlainCommand)
@shared_options
def compare(
    session: Session,
    *,
    run_dirs: Annotated[
        list[Path], typer.Argument(metavar="RUN_DIR RUN_DIR...", help="Runs; the first is the reference.")
    ],
    show_all: Annotated[bool, typer.Option("--all", help="Also show what is equal.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Also write a page to look at in a browser, such as comparison.html."
        ),
    ] = None,
) -> None:
    """Compare runs with the first: configuration, metrics, size, time."""
    from zoo_core.cli._comparison import emit_comparison, read_runs
    from zoo_core.reporting.compare import compare_runs

    comparison = compare_runs(read_runs(run_dirs))
    if report is not None:
        from zoo_core.cli._progress import waiting
        from zoo_core.reporting.report.comparison import write_comparison

        with waiting("Writing the comparison", quiet=session.quiet):
            write_comparison(comparison, report)
    if session.json:
        page = None if report is None else str(report.resolve())
        output.emit_json({"comparison": asdict(comparison), "report": page})
        return
    emit_comparison(comparison, show_all=show_all)
    if report is not None:
        output.emit_text(f"\nThe comparison is in {output.short_path(report)}")


@app.command(cls=PlainCommand)
@shared_options
def report(
    session: Session,
    *,
    run_dir: RunDir,
    path: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write the page; report.html in the run if absent."
        ),
    ] = None,
    launch: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
) -> None:
    """Write the report of a run anew: one page with all that its folder tells."""
    from zoo_core.cli._progress import waiting
    from zoo_core.reporting.report import write_report

    with waiting("Writing the report", quiet=session.quiet):
        page = write_report(run_dir, path)
    if session.json:
        output.emit_json({"report": str(page.resolve())})
    else:
        output.emit_text(f"The report is in {output.short_path(page)}")
    if launch:
        typer.launch(page.resolve().as_uri())


@app.command(cls=PlainCommand)
@shared_options
def publish(
    session: Session,
    *,
    run_dir: RunDir,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Values that hold for the sending, such as mlflow.uri=ADDRESS."),
    ] = None,
    to: Annotated[
        str,
        typer.Option("--to", metavar="TRACKER", help="Tracker, as listed by: zoo list trackers", show_default=False),
    ],
    again: Annotated[bool, typer.Option("--again", help="Send everything, as a new record.")] = False,
) -> None:
    """Send a run to a tracker that has not been told of it, or not of everything."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.reporting.trackers.publish import publish_run
    from zoo_core.runs import store

    record = store.read_run(run_dir)
    tracker = session.catalog().trackers.resolve(to)
    with open_progress(quiet=session.quiet) as progress, progress.track(f"Sending the run to {to}", None):
        sent = publish_run(tracker, run_dir.absolute(), record.manifest, overrides or (), again=again)
    if session.json:
        output.emit_json({"publication": asdict(sent)})
    elif sent.events:
        output.emit_text(f"{sent.tracker} has taken {sent.events} events of {output.short_path(run_dir)}")
    else:
        output.emit_note(f"{sent.tracker} has everything of this run already; --again sends it as a new record.")


def _progress(record: RunRecord) -> str:
    stages = record.manifest.stages
    return f"{sum(stage.status == 'done' for stage in stages)}/{len(stages)}"


def _stage_table(record: RunRecord) -> tuple[list[str], list[list[str]]]:
    from zoo_core.reporting.time_text import duration

    rows = [
        [stage.id, stage.status, "-" if stage.seconds is None else duration(stage.seconds), stage.error or ""]
        for stage in record.manifest.stages
    ]
    columns = ["STAGE", "STATUS", "TIME", "ERROR"]
    if any(row[-1] for row in rows):
        return columns, rows
    return columns[:-1], [row[:-1] for row in rows]


def _metric_table(record: RunRecord) -> tuple[list[str], list[list[str]]]:
    from zoo_core.reporting.metric_text import metric_text

    rows = [
        [stage.stage.id, metric.key, metric_text(metric.value, metric.unit)]
        for stage in record.results
        for metric in stage.result.metrics
    ]
    return ["STAGE", "METRIC", "VALUE"], rows


def _summary(record: RunRecord) -> dict[str, Any]:
    manifest = record.manifest
    return {
        "run_dir": str(record.run_dir.resolve()),
        "created": manifest.created,
        "status": manifest.status,
        "operation_mode": manifest.operation_mode,
        "use_case": manifest.use_case,
        "model_name": manifest.model_name,
        "project_name": manifest.project_name,
        "stages": [{"id": stage.id, "status": stage.status} for stage in manifest.stages],
    }


def _detail(record: RunRecord) -> dict[str, Any]:
    manifest = {key: value for key, value in record.manifest.to_dict().items() if key != "schema_version"}
    results = [{"stage": stage.stage.id, **stage.result.to_dict()} for stage in record.results]
    return {"run_dir": str(record.run_dir.resolve()), **manifest, "results": results}
