"""Own the report of a run: everything its folder tells, on one page."""

from __future__ import annotations

from pathlib import Path

from zoo_core.reporting.report.evaluation import evaluation_drawings, example_sheets
from zoo_core.reporting.report.footprint import footprints
from zoo_core.reporting.report.metric_tables import class_table, metric_rows, metric_tables
from zoo_core.reporting.report.origin import circumstances, configuration_text, model_files, remarks
from zoo_core.reporting.report.overview import overview
from zoo_core.reporting.report.page import write_page
from zoo_core.reporting.report.pictures import pictures
from zoo_core.reporting.report.quantization import quantizations
from zoo_core.reporting.report.training import training_charts
from zoo_core.results import PredictionResult
from zoo_core.runs.store import RunRecord, read_run

REPORT = "report.html"
MOST_PREDICTIONS = 12


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
    charts, tables = evaluation_drawings(record)
    return write_page(
        path or run_dir / REPORT,
        "report.html.jinja",
        overview=overview(record, rows),
        tables=metric_tables(record, rows),
        classes=class_table(record),
        training=training_charts(record),
        charts=charts,
        confusions=tables,
        sheets=example_sheets(record),
        quantizations=quantizations(record),
        footprints=footprints(record),
        predictions=pictures(run_dir, _predicted(record), MOST_PREDICTIONS),
        remarks=remarks(record),
        files=model_files(record),
        configuration=configuration_text(record),
        circumstances=circumstances(record),
    )


def _predicted(record: RunRecord) -> list[str]:
    found = [stage.result for stage in record.results if isinstance(stage.result, PredictionResult)]
    return [file for result in found for file in result.files]
