"""Own `zoo config`: what is wrong with a file, what it comes to with all defaults, what it may hold at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_core.cli import _output as output
from zoo_core.cli._group import CommandGroup, PlainCommand
from zoo_core.cli._options import shared_options
from zoo_core.cli._session import Session
from zoo_core.cli._source import Arguments, ConfigName, ConfigPath, find_config

if TYPE_CHECKING:
    from zoo_core.config.load import LoadedConfig
    from zoo_core.plugins.registry import Resolved

app = typer.Typer(add_completion=False, rich_markup_mode=None, cls=CommandGroup)


@app.callback()
def config() -> None:
    """Check or show a configuration file, or print its schema."""


@app.command(cls=PlainCommand)
@shared_options
def check(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
) -> None:
    """Find every mistake in a configuration file; run nothing."""
    file, overrides = find_config(arguments, config_path, config_name)
    loaded = _load(session, file, overrides)
    facts = _facts(loaded)
    if session.json:
        remarks = {"notes": list(loaded.notes), "warnings": list(loaded.warnings)}
        output.emit_json({"valid": True, "file": str(file.resolve()), **facts, **remarks})
        return
    output.emit_text(f"{file} is correct.\n")
    output.emit_fields((name.replace("_", " "), _words(value)) for name, value in facts.items())
    _print_remarks(loaded)


@app.command(cls=PlainCommand)
@shared_options
def show(
    session: Session,
    *,
    arguments: Arguments = None,
    config_path: ConfigPath = None,
    config_name: ConfigName = None,
) -> None:
    """Show what a configuration comes to: every value, and where it comes from."""
    file, overrides = find_config(arguments, config_path, config_name)
    loaded = _load(session, file, overrides)
    if session.json:
        output.emit_json({"file": str(file.resolve()), "config": loaded.config.canonical()})
        return
    from zoo_core.config.render import annotated_yaml

    output.emit_text(annotated_yaml(loaded).rstrip("\n"))
    _print_remarks(loaded)


@app.command(cls=PlainCommand)
@shared_options
def schema(
    session: Session,
    *,
    use_case: Annotated[
        str,
        typer.Argument(metavar="USE_CASE", help="Use case, as listed by `zoo list tasks`.", show_default=False),
    ],
) -> None:
    """Print the JSON schema of the files of a use case, for editors."""
    from zoo_core.config.schema_json import file_schema

    catalog = session.catalog()
    output.emit_raw_json(file_schema(catalog.tasks.get(use_case), catalog))


def _load(session: Session, file: Path, overrides: tuple[str, ...]) -> LoadedConfig:
    from zoo_core.cli._progress import waiting
    from zoo_core.config.load import load_config

    catalog = session.catalog()
    with waiting("Reading the configuration", quiet=session.quiet):
        return load_config(file, overrides, catalog=catalog)


def _facts(loaded: LoadedConfig) -> dict[str, Any]:
    from zoo_core.config.modes import SERVICE_OF_LETTER

    selection = loaded.selection
    return {
        "use_case": loaded.config.use_case,
        "operation_mode": loaded.config.operation_mode,
        "services": [SERVICE_OF_LETTER[letter] for letter in loaded.letters],
        "model": _name(selection.model),
        "dataset": _name(selection.dataset),
    }


def _name(entry: Resolved[Any] | None) -> str | None:
    return None if entry is None else entry.name


def _words(value: str | list[str] | None) -> str | None:
    return ", ".join(value) if isinstance(value, list) else value


def _print_remarks(loaded: LoadedConfig) -> None:
    for text in loaded.notes:
        output.emit_note(text)
    for text in loaded.warnings:
        output.emit_warning(text)
