"""Own how a command line names its configuration file and the values that replace some of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from zoo_core.errors import UserError

DEFAULT_NAME = "user_config.yaml"
"""File that is taken when none is named, as in ST's services."""
SUFFIXES = (".yaml", ".yml")
MAX_NAMED = 5
"""Number of neighbouring files that a message names."""

Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE] [KEY=VALUE]...",
        help="Configuration file, ./user_config.yaml when absent; then values that replace those of the file.",
        show_default=False,
    ),
]
ConfigPath = Annotated[
    Path | None, typer.Option("--config-path", metavar="DIR", help="Folder of the configuration file.")
]
ConfigName = Annotated[
    str | None, typer.Option("--config-name", metavar="NAME", help="Name of the configuration file in that folder.")
]


def find_config(
    arguments: Sequence[str] | None, config_path: Path | None, config_name: str | None
) -> tuple[Path, tuple[str, ...]]:
    """Return the configuration file that the command line names and the overrides after it.

    Raises:
        UserError: When there is no such file, it is named twice, or an argument is neither file nor override.
    """
    named, overrides = split_arguments(arguments)
    by_option = config_path is not None or config_name is not None
    if named is not None and by_option:
        raise UserError(
            f'The configuration file is named twice: "{named}" and --config-path/--config-name.',
            hint="Give the file, or the two options.",
        )
    if by_option:
        return _checked(_in_folder(config_path or Path(), config_name or DEFAULT_NAME)), overrides
    if named is not None:
        return _checked(Path(named)), overrides
    if not Path(DEFAULT_NAME).is_file():
        raise UserError(
            f"No configuration file is named, and there is no {DEFAULT_NAME} in {Path.cwd()}.",
            hint="Name one:          zoo run FILE\nWrite a first one: zoo init classification",
        )
    return Path(DEFAULT_NAME), overrides


def split_arguments(arguments: Sequence[str] | None) -> tuple[str | None, tuple[str, ...]]:
    """Divide arguments into the file, when the first is one, and the overrides.

    Raises:
        UserError: When an argument after the first is not `key=value`, `+key=value` or `~key`.
    """
    given = tuple(arguments or ())
    if given and (not _is_override(given[0]) or Path(given[0]).is_file()):
        named, overrides = given[0], given[1:]
    else:
        named, overrides = None, given
    for override in overrides:
        if not _is_override(override):
            raise UserError(
                f'"{override}" is not of the form key=value.',
                hint="One configuration file, then key=value, +key=value or ~key. Quote values that hold blanks.",
            )
    return named, overrides


def _is_override(argument: str) -> bool:
    return "=" in argument or argument.startswith("~")


def _in_folder(folder: Path, name: str) -> Path:
    if name.endswith(SUFFIXES):
        return folder / name
    candidates = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _checked(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(
            f"{path.resolve()} is a folder, not a configuration file.",
            hint=f"Name the file in it, or: --config-path {path} --config-name NAME",
        )
    raise UserError(f"There is no configuration file {path.resolve()}.", hint=_near(path))


def _near(path: Path) -> str | None:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder.resolve()} either."
    found = sorted(file.name for file in folder.iterdir() if file.suffix in SUFFIXES)
    if not found:
        return None
    return f"YAML files there: {', '.join(found[:MAX_NAMED])}{', ...' if len(found) > MAX_NAMED else ''}"
