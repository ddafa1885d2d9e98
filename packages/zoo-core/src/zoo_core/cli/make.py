"""Own `zoo data make`: data sets that are drawn, not downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session

app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=CommandGroup)


@app.callback()
def make() -> None:
    """Draw a data set to try things on."""


@app.command(cls=PlainCommand)
@shared_options
def shapes(
    session: Session,
    *,
    folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="New or empty folder to write.", show_default=False)
    ],
    images: Annotated[int, typer.Option("--images", metavar="N", help="Pictures; 70 % train.")] = 1600,
    size: Annotated[int, typer.Option("--size", metavar="PIXELS", help="Width and height of a picture.")] = 128,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed draws the same pictures.")] = 0,
    identities: Annotated[
        int, typer.Option("--identities", metavar="N", help="Persons for re-identification; half of them train.")
    ] = 40,
) -> None:
    """Draw figures with boxes, keypoints and identities."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.services.making import make_shapes

    with open_progress(quiet=session.quiet) as progress:
        made = make_shapes(folder, progress, images=images, size=size, seed=seed, identities=identities)
    if session.json:
        output.emit_json(made.to_dict())
        return
    output.emit_text(f"Wrote {folder}:")
    output.emit_fields(
        [
            ("detection", f"{_counts(made.images)} pictures; {_counts(made.figures)}"),
            ("pose", f"{_counts(made.images)} pictures of one person"),
            ("re-identification", f"{_counts(made.crops)} pictures of {made.identities} persons"),
        ]
    )
    output.emit_text("\n".join(["Train on them:", *(f"  zoo run {path}" for path in made.configs.values())]))


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in numbers.items())
