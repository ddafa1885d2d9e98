"""Own the report of a run: everything its folder tells, on one page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zoo_core.reporting.report.evaluation import evaluation_drawings, example_sheets
from zoo_core.reporting.report.footprint import footprints
from zoo_core.reporting.report.metric_tables import class_table, metric_rows, metric_tables
from zoo_core.reporting.report.origin import circumstances, configuration_text, model_files, remarks, versions
from zoo_core.reporting.report.overview import overview
from zoo_core.reporting.report.page import write_page
from zoo_core.reporting.report.pictures import pictures
from zoo_core.reporting.report.quantization import quantizations
from zoo_core.reporting.report.training import training_charts
from zoo_core.results import PredictionResult
from zoo_core.runs.store import RunRecord, read_run

REPORT = "report.html"
MOST_PREDICTIONS = 12

log = logging.getLogger("zoo")
Part = TypeVar("Part")


def write_report(run_dir: Path, path: Path | None = None) -> Path:
    """Write the report of a run, finished or not, as one file that needs nothing else, and return its path.

    Args:
        run_dir: Folder of the run.
        path: Where the page is written; `report.html` in the folder when absent.

    Raises:
        RunStoreError: When the folder holds no run, or the page cannot be written.
    """
    record = read_run(run_dir)
    rows = metric_rows(record)
    lost: list[str] = []
    charts, tables = _part("curves", evaluation_drawings, record, lost) or ((), ())
    return write_page(
        path or run_dir / REPORT,
        "report.html.jinja",
        overview=overview(record, rows),
        tables=metric_tables(record, rows),
        classes=_part("classes", class_table, record, lost),
        training=_part("training", training_charts, record, lost),
        charts=charts,
        confusions=tables,
        sheets=_part("examples", example_sheets, record, lost),
        quantizations=_part("quantization", quantizations, record, lost),
        footprints=_part("footprint", footprints, record, lost),
        predictions=pictures(run_dir, _predicted(record), MOST_PREDICTIONS),
        remarks=remarks(record),
        files=model_files(record),
        configuration=configuration_text(record),
        circumstances=circumstances(record),
        versions=versions(record),
        lost=lost,
    )


def _part(name: str, gather: Callable[[RunRecord], Part], record: RunRecord, lost: list[str]) -> Part | None:
    """Gather one part of the page; what plugins left in a form that it cannot show costs this part alone."""
    try:
        return gather(record)
    except Exception as error:  # details of plugins and damaged files may hold anything
        log.debug("Traceback of the part %s of the report", name, exc_info=error)
        lost.append(f"The part on {name} cannot be shown, because its files or details have another form.")
        return None


def _predicted(record: RunRecord) -> list[str]:
    found = [stage.result for stage in record.results if isinstance(stage.result, PredictionResult)]
    return [file for result in found for file in result.files]
