"""Own `zoo data convert`: the data set of a configuration in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config


@shared_options
def convert(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help="Form to write, such as coco, voc or yolo.", show_default=False),
    ],
    folder: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="New or empty folder to write.", show_default=False)
    ],
    link: Annotated[bool, typer.Option("--link", help="Link to the images instead of copying them.")] = False,
) -> None:
    """Write every labelled split of a configuration in another form."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.config.load import load_config
    from zoo_core.services.conversion import convert_data

    source, overrides = find_config(arguments, config_path, config_name)
    catalog = session.catalog()
    loaded = load_config(source, overrides, catalog=catalog)
    with open_progress(quiet=session.quiet) as progress, progress.track("Converting the data set", None):
        done = convert_data(loaded, catalog, progress, to=to, folder=folder, link=link)
    if session.json:
        output.emit_json(done.to_dict())
        return
    counts = ", ".join(f"{count} {split}" for split, count in done.images.items())
    output.emit_text(f"Wrote {folder}: {counts} images, {len(done.class_names)} classes, as {done.format}.")
    output.emit_text(f"The dataset section that leads to it: {done.section_file}")
    for note in done.notes:
        output.emit_note(note)
