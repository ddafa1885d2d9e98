"""Own `zoo card`: the model card of a run, written once its files are found to be those that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.errors import UserError

STANDARD_OUTPUT = Path("-")

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("card", cls=PlainCommand)
@shared_options
def card(
    session: Session,
    *,
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder of a finished run.", show_default=False)],
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File to write; - prints the card.")
    ] = STANDARD_OUTPUT,
    license_id: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="Licence of the model, such as apache-2.0.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another file of that name.")] = False,
) -> None:
    """Write the model card of a run, after hashing the files it measured."""
    from zoo_core.cli._progress import waiting
    from zoo_core.reporting.card import make_card
    from zoo_core.runs import store

    record = store.read_run(run_dir)
    licence = _code_licence(session, record.manifest.model_name)
    with waiting("Hashing the files of the run", quiet=session.quiet):
        made = make_card(record, license_id=license_id, code_licence=licence)
    path = None if file == STANDARD_OUTPUT else file
    changed = path is not None and _write(path, made.text, force=force)
    if session.json:
        files = [_document(found) for found in made.files]
        place = None if path is None else str(path.resolve())
        card_ = {"front_matter": dict(made.front_matter), "text": made.text, "files": files, "output": place}
        output.emit_json({"card": card_})
    elif path is None:
        output.emit_text(made.text.removesuffix("\n"))
    elif changed:
        output.emit_text(f"Wrote {output.short_path(path)}; {len(made.files)} files were hashed.")
    else:
        output.emit_note(f"{output.short_path(path)} is this card already.")


def _write(path: Path, text: str, *, force: bool) -> bool:
    """Write a card, and return whether the file is another one now.

    Raises:
        UserError: When another file of that name is there.
    """
    from zoo_core.runs.files import disk_errors, write_atomically

    if path.is_dir():
        msg = f"{path} is a folder."
        raise UserError(msg, hint=f"Name a file, such as: --output {path / 'README.md'}")
    content = text.encode()
    with disk_errors(path):
        if path.exists() and path.read_bytes() == content:
            return False
        if path.exists() and not force:
            msg = f"{path} is there already and is not this card."
            raise UserError(msg, hint="Name another file, or replace it with --force.")
        write_atomically(path, lambda stream: stream.write(content))
    return True


def _code_licence(session: Session, model_name: str | None) -> str:
    """Return the licence that the plugin of a network states; nothing when the network or its plugin is not known."""
    models = session.catalog(tell=False).models
    if not model_name or model_name not in models:
        return ""
    try:
        return models.get(model_name).licence
    except UserError:
        return ""


def _document(file: Any) -> dict[str, Any]:
    return {
        "path": file.shown,
        "kind": file.kind,
        "model": file.model,
        "size": file.size,
        "sha256": file.sha256,
        "made_by": file.made_by,
        "measured_by": list(dict.fromkeys(file.measured_by)),
    }
