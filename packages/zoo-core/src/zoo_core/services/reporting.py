"""Own the report at the end of a run: written whatever became of the run, never the reason that one fails."""

from __future__ import annotations

from pathlib import Path

from zoo_core.errors import ZooError
from zoo_core.runs.log import logger
from zoo_core.services.context import RunContext


def write_run_report(context: RunContext) -> Path | None:
    """Write `report.html` into the folder of the run and return its path; nothing when it is switched off or fails."""
    if not context.config.general.report:
        return None
    folder = context.layout.root
    try:
        from zoo_core.reporting.report import write_report

        with context.progress.track("Writing the report", None):
            return write_report(folder)
    except ZooError as error:
        cause = error.message
    except Exception as error:  # noqa: BLE001 - a fault of the report must not cost the run
        logger.debug("Traceback of the report", exc_info=error)
        cause = f"{type(error).__name__}: {error}"
    logger.warning("The report was not written: %s. Try again with: zoo runs report %s", cause.rstrip("."), folder)
    return None
