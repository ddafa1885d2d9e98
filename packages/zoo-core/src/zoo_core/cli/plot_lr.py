"""Own `zoo plot-lr`: the learning rate of a training, before it is run, as a picture and as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config

if TYPE_CHECKING:
    from zoo_core.training.rate_curve import RateCurve

ROWS = 12
"""Epochs that are printed, spread evenly, the first and the last among them."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("plot-lr", cls=PlainCommand)
@shared_options
def plot_lr(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
    picture: Annotated[
        Path, typer.Option("--output", metavar="PNG", help="Picture to write.", show_default=True)
    ] = Path("learning_rate.png"),
) -> None:
    """Draw the learning rate of a configuration file over the epochs."""
    from zoo_core.cli._progress import waiting

    file, overrides = find_config(arguments, config_path, config_name)
    with waiting("Drawing the learning rate", quiet=session.quiet):
        curve = _draw(session, file, overrides, picture)
    if session.json:
        rates = [{"epoch": epoch, "lr": rate} for epoch, rate in curve.of_epochs()]
        output.emit_json({"file": str(file.resolve()), "picture": str(picture.resolve()), "rates": rates})
        return
    rows = [[str(epoch), f"{rate:.6g}"] for epoch, rate in spread(curve.of_epochs(), ROWS)]
    output.emit_table(["EPOCH", "LEARNING RATE"], rows, right={"EPOCH", "LEARNING RATE"})
    output.emit_text(f"\nThe curve is in {output.short_path(picture)}")


def spread(values: tuple[tuple[int, float], ...], count: int) -> list[tuple[int, float]]:
    """Return at most `count` of the values, evenly spread, the first and the last among them."""
    if len(values) <= count:
        return list(values)
    last = len(values) - 1
    return [values[round(place * last / (count - 1))] for place in range(count)]


def _draw(session: Session, file: Path, overrides: tuple[str, ...], picture: Path) -> RateCurve:
    from zoo_core.config.load import load_sections
    from zoo_core.config.sections import GeneralSection, TrainingSection
    from zoo_core.reporting.rate_picture import draw_rates
    from zoo_core.runs.files import disk_errors
    from zoo_core.training.rate_curve import rate_curve

    sections = load_sections(file, overrides, ("general", "training"), catalog=session.catalog())
    training, general = sections["training"], sections.get("general", GeneralSection())
    if not (isinstance(training, TrainingSection) and isinstance(general, GeneralSection)):
        msg = f"training is a {type(training).__name__}"
        raise TypeError(msg)
    curve = rate_curve(training, general.seed or 0)
    with disk_errors(picture):
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw_rates(
            picture,
            curve.epochs,
            curve.rates,
            length=curve.length,
            title=file.name,
            steps=not training.lr_scheduler.sched_on_updates,
        )
    return curve
