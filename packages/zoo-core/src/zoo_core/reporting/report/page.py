"""Own the making of a page: templates with everything escaped, styles inside, nothing fetched from anywhere."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from zoo_core.reporting.report.line_chart import draw_chart, legend
from zoo_core.runs.files import write_text

PACKAGE = "zoo_core.reporting.report"
STYLE = "style.css"


def render_page(template: str, **values: Any) -> str:
    """Return a page as HTML.

    Args:
        template: Name of a file in `templates`.
        values: What it shows; every text is escaped.
    """
    return _environment().get_template(template).render(**values)


def write_page(path: Path, template: str, **values: Any) -> Path:
    """Write a page, whole or not at all, and return its path.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    write_text(path, render_page(template, **values))
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = resources.files(PACKAGE).joinpath("templates", STYLE).read_text(encoding="utf-8")
    environment.globals |= {"style": Markup(style), "draw_chart": draw_chart, "legend": legend}  # noqa: S704 - our file
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}%"
    return environment
