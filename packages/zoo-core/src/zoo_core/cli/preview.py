"""Own `zoo data preview`: a sheet of training images before and after augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config

DEFAULT_SHEET = "augmentation_preview.png"
DEFAULT_COUNT = 8
LARGEST_COUNT = 100


@shared_options
def preview(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=LARGEST_COUNT, metavar="N", help="Number of images.")
    ] = DEFAULT_COUNT,
    file: Annotated[
        Path, typer.Option("--output", metavar="PNG", help="Picture to write; an old one is replaced.")
    ] = Path(DEFAULT_SHEET),
) -> None:
    """Draw training images before and after augmentation, as the first epochs of a training see them."""
    from zoo_core.cli._progress import open_progress
    from zoo_core.config.load import load_config
    from zoo_core.services.preview import preview_augmentation

    source, overrides = find_config(arguments, config_path, config_name)
    loaded = load_config(source, overrides, catalog=session.catalog())
    with open_progress(quiet=session.quiet) as progress, progress.track("Drawing the preview", None):
        found = preview_augmentation(loaded, progress, count=count, output=file)
    if session.json:
        output.emit_json(found.to_dict())
        return
    shown = f"{len(found.images)} image{'s' if len(found.images) != 1 else ''}"
    output.emit_text(f"Wrote {file}: {shown} before and after, as a training with seed {found.seed} draws them.")
    for note in found.notes:
        output.emit_note(note)
    for skip in found.skipped:
        output.emit_warning(f"{skip.path}: {skip.reason}")
