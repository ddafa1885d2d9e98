"""Own the file in which a user keeps the names of plugins that are not to be loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from zoo_core.errors import UserError

DIRECTORY_VARIABLE = "ZOO_CONFIG_DIR"
"""Names the folder of the file; without it the file lies in `zoo` below the user's configuration folder."""
FILE_NAME = "plugins.json"
SCHEMA_VERSION = 1


def find_user_file(environ: Mapping[str, str] | None = None) -> Path | None:
    """Return where the file is or would be, or nothing where the user has no home."""
    variables = os.environ if environ is None else environ
    if folder := variables.get(DIRECTORY_VARIABLE):
        return Path(folder) / FILE_NAME
    base = Path(variables.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".config"
        except RuntimeError:
            return None
    return base / "zoo" / FILE_NAME


def read_disabled(path: Path) -> tuple[str, ...]:
    """Return the names in the file; none when there is no file.

    Raises:
        UserError: When the file cannot be read or is damaged.
    """
    cure = f"Mend it or delete it: {path}"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        msg = f"The list of disabled plugins cannot be read ({error.strerror})."
        raise UserError(msg, hint=cure) from error
    except (ValueError, RecursionError) as error:
        raise UserError("The list of disabled plugins is damaged: it is no JSON.", hint=cure) from error
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        msg = f"The list of disabled plugins is damaged: its schema_version is {version!r}, not {SCHEMA_VERSION}."
        raise UserError(msg, hint=cure)
    names = data.get("disabled")
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise UserError("The list of disabled plugins is damaged: disabled is no list of names.", hint=cure)
    return tuple(names)


def write_disabled(path: Path, names: Iterable[str]) -> None:
    """Replace the names in the file, whole or not at all.

    Raises:
        UserError: When the file cannot be written.
    """
    from zoo_core.errors import RunStoreError
    from zoo_core.runs.files import write_json

    try:
        # A link stays one: what it leads to is replaced.
        write_json(path.resolve(), {"schema_version": SCHEMA_VERSION, "disabled": sorted(set(names))})
    except (RunStoreError, OSError) as error:
        cure = f"Name a folder that can be written: {DIRECTORY_VARIABLE}=DIR"
        raise UserError(str(error).partition("\n")[0], hint=cure) from error
