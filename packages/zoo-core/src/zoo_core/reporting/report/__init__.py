"""Own the pages that show a run: one self-contained HTML file each, made from the files of run folders alone."""

from __future__ import annotations

from zoo_core.reporting.report.write import REPORT, write_report

__all__ = ["REPORT", "write_report"]
