"""Own `zoo data`: what is wrong with the images of a configuration, the numbers that normalise them, other forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config
from zoo_core.cli.convert import convert
from zoo_core.cli.make import app as make
from zoo_core.cli.preview import preview
from zoo_core.errors import EXIT_USER

if TYPE_CHECKING:
    from zoo_core.config.load import LoadedConfig
    from zoo_core.data.inspection.findings import Finding
    from zoo_core.data.inspection.statistics import ChannelStatistics
    from zoo_core.data.inspection.survey import Survey
    from zoo_core.services.data import DataReport

SHOWN = 10
"""Number of files that a finding lists on the screen; `--json` lists all."""

WORDS = {"train": "training"}
"""Split -> how it is called in a sentence."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=CommandGroup)


@app.callback()
def data() -> None:
    """Examine the images of a configuration file."""


@app.command(cls=PlainCommand)
@shared_options
def check(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
) -> None:
    """Read every image: damage, duplicates, class balance, sizes."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.services.data import check_data

    loaded = _load(session, arguments, config_path, config_name)
    with open_progress(quiet=session.quiet) as progress, progress.track("Examining the images", None):
        report = check_data(loaded, progress)
    if session.json:
        output.emit_json(report.to_dict())
    else:
        _print_report(report)
    if report.problems:
        raise typer.Exit(EXIT_USER)


@app.command(cls=PlainCommand)
@shared_options
def stats(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
) -> None:
    """Measure mean and standard deviation of the training images."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.services.data import data_statistics

    loaded = _load(session, arguments, config_path, config_name)
    with open_progress(quiet=session.quiet) as progress, progress.track("Measuring the images", None):
        found = data_statistics(loaded, progress)
    if session.json:
        output.emit_json(found.to_dict())
        return
    output.emit_text(_as_yaml(found.channels))
    for line in () if found.labels is None else found.labels.lines:
        output.emit_text(f"# {line}")
    for channel in found.channels.constant:
        output.emit_note(f"Channel {channel} has the same value everywhere; 1.0 stands in for its deviation of 0.")
    if found.channels.skipped:
        output.emit_warning(f"{len(found.channels.skipped)} images could not be read; zoo data check names them.")


app.command(cls=PlainCommand)(convert)
app.command(cls=PlainCommand)(preview)
app.add_typer(make, name="make")


def _load(session: Session, arguments: Any, config_path: Any, config_name: Any) -> LoadedConfig:
    from zoo_core.cli._progress import waiting
    from zoo_core.config.load import load_config

    file, overrides = find_config(arguments, config_path, config_name)
    catalog = session.catalog()
    with waiting("Reading the configuration", quiet=session.quiet):
        return load_config(file, overrides, catalog=catalog)


def _print_report(report: DataReport) -> None:
    rows = [_row(survey) for survey in report.surveys]
    columns = ["SPLIT", "IMAGES", "UNREADABLE", "CLASSES", "IMAGES PER CLASS", "PIXELS", "COLOURS"]
    output.emit_table(columns, rows, right={"IMAGES", "UNREADABLE", "CLASSES"}, spare=["COLOURS", "UNREADABLE"])
    _print_labels(report)
    for note in report.notes:
        output.emit_note(note)
    for finding in report.findings:
        output.emit_text()
        output.emit_text(f"{output.paint(_label(finding), 'red' if finding.problem else 'yellow')} {finding.text}")
        for item in finding.items[:SHOWN]:
            output.emit_text(f"  {item}")
        if len(finding.items) > SHOWN:
            output.emit_text(f"  ... and {len(finding.items) - SHOWN} more; all with --json")
    if not report.findings:
        output.emit_text("\nNothing is wrong with the images.")


def _print_labels(report: DataReport) -> None:
    """Print how many labels each class has in each split, where labels are more than the class of an image."""
    if not report.labels:
        return
    names = list(dict.fromkeys(name for counts in report.labels.values() for name in counts))
    splits = [split.upper() for split in report.labels]
    rows = [[name, *(str(counts.get(name, 0)) for counts in report.labels.values())] for name in names]
    totals = ["all", *(str(sum(counts.values())) for counts in report.labels.values())]
    output.emit_text()
    output.emit_table(["LABELS", *splits], [*rows, *([totals] if len(rows) > 1 else [])], right=splits)


def _label(finding: Finding) -> str:
    return "problem:" if finding.problem else "remark:"


def _row(survey: Survey) -> list[str]:
    return [
        survey.split,
        str(survey.images),
        str(len(survey.unreadable)),
        "-" if survey.classes is None else str(len(survey.classes)),
        _balance(survey),
        _sizes(survey),
        ", ".join(mode for mode, _ in survey.modes.most_common()) or "-",
    ]


def _balance(survey: Survey) -> str:
    """Return the number of images of each class, or those of the smallest and the largest class."""
    counts = sorted((count, name) for name, count in (survey.classes or {}).items())
    if not counts:
        return "-"
    (least, small), (most, large) = counts[0], counts[-1]
    return str(least) if least == most else f"{least} ({small}) to {most} ({large})"


def _sizes(survey: Survey) -> str:
    """Return the size of all images in pixels, or the smallest and the largest."""
    found = sorted(survey.sizes, key=lambda size: (size[0] * size[1], size))
    ends = dict.fromkeys((found[0], found[-1])) if found else {}
    return " to ".join(f"{width}x{height}" for width, height in ends) or "-"


def _as_yaml(found: ChannelStatistics) -> str:
    """Return what the file needs, with what it was measured on as comments."""
    mean, deviation = (", ".join(f"{value:.6g}" for value in values) for values in (found.mean, found.deviation))
    size = "x".join(str(length) for length in found.size)
    rescaled = f"{found.scale:.6g} x pixel + {found.offset:.6g}"
    return f"""\
# {found.images} {WORDS.get(found.split, found.split)} images, brought to {size} and rescaled by {rescaled}
preprocessing:
  normalization:
    mean: [{mean}]
    std: [{deviation}]"""
