"""Own the board configuration file of a C project, `stmaic_<board>.conf`: JSON with comments, version 0.1.

Commands in that file are not run; what is taken from it is where files go, what is built, and memory sizes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo_core.errors import UserError
from zoo_stm32.boards import KIB

VERSION = "0.1"
STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
TRAILING_COMMA = re.compile(r",(\s*[}\]])")
SIZE = re.compile(r"\s*(\d+)\s*(B|KB|KIB|MB|MIB)?\s*", re.IGNORECASE)
UNITS = {"": 1, "b": 1, "kb": KIB, "kib": KIB, "mb": KIB * KIB, "mib": KIB * KIB}
COPY_MODES = ("copy", "copy-file", "copy-dir")
TEMPLATE_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFile:
    """Hold what a project says of itself; empty values where it says nothing."""

    builder: str = ""
    project_folder: Path | None = None
    configuration: str = ""
    external_loader: str = ""
    application_bytes: int | None = None
    memory_pool: Path | None = None
    neural_art_file: Path | None = None
    neural_art_profile: str = ""
    destinations: Mapping[str, Path] = field(default_factory=dict)
    """Name of a generated file -> where it goes in the project."""


def read_board_file(project: Path, board: str, configuration: str | None = None) -> BoardFile:
    """Read the file of a board in a C project; without one nothing is known.

    Raises:
        UserError: When the file is no such file or of another version.
    """
    found = sorted(project.rglob(f"stmaic_{board}.conf"))
    if not found:
        return BoardFile()
    data = _parse(found[0])
    if str(data.get("version")) != VERSION:
        raise UserError(f"{found[0]}: version {data.get('version')!r}; zoo-stm32 reads version {VERSION}.")
    texts = _Texts(found[0], project, data.get("env") or {})
    chosen = _configuration(data, configuration)
    pool = data.get("memory_pool") or {}
    sizes = [parse_size(str(pool[key])) for key in ("application_size", "lib_size") if key in pool]
    return BoardFile(
        builder=str(data.get("builder", "")),
        project_folder=texts.path(chosen.get("cproject_location")),
        configuration=str(chosen.get("cproject_config", "")),
        external_loader=texts.text(chosen.get("external_loader", "")),
        application_bytes=sum(sizes) if sizes else None,
        memory_pool=texts.path(pool.get("memory_pool_path")),
        neural_art_file=texts.path(pool.get("neuralart_user_path")),
        neural_art_profile=str(pool.get("profile", "")),
        destinations=_destinations(data.get("templates") or [], texts),
    )


def parse_size(text: str) -> int:
    """Return bytes for a size such as `1024KB`, where 1 KB is 1024 bytes.

    Raises:
        UserError: When the text is no size.
    """
    match = SIZE.fullmatch(text)
    if match is None:
        raise UserError(f"{text!r} is no size; expected a number with B, KB or MB.")
    return int(match[1]) * UNITS[(match[2] or "").lower()]


class _Texts:
    """Replace the variables of a file in its texts."""

    def __init__(self, file: Path, project: Path, env: Mapping[str, Any]) -> None:
        self._file = file
        self._project = project
        self._names = {"ProjectFolder": str(project), **{str(name): str(value) for name, value in env.items()}}

    def text(self, value: Any) -> str:
        text = str(value)
        for _ in self._names:
            for name, replacement in self._names.items():
                text = text.replace(f"${{{name}}}", replacement)
        return text

    def path(self, value: Any) -> Path | None:
        """Return a path inside the project.

        Raises:
            UserError: When it leads out of the project.
        """
        if not value:
            return None
        path = (self._file.parent / self.text(value)).resolve()
        if not path.is_relative_to(self._project.resolve()):
            raise UserError(f"{self._file}: {value} leads out of the project {self._project}.")
        return path


def _parse(file: Path) -> dict[str, Any]:
    try:
        text = STRING_OR_COMMENT.sub(lambda match: match[1] or "", file.read_text(encoding="utf-8"))
        data = json.loads(TRAILING_COMMA.sub(r"\1", text))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON with comments: {error}.") from error
    if not isinstance(data, dict):
        raise UserError(f"{file} holds no table.")
    return data


def _configuration(data: Mapping[str, Any], wanted: str | None) -> Mapping[str, Any]:
    entries = [entry for entry in data.get("configurations") or [] if isinstance(entry, dict)]
    named = [entry for entry in entries if wanted in (entry.get("name"), entry.get("cproject_config"))]
    return next(iter(named or entries), {})


def _destinations(templates: Any, texts: _Texts) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for entry in templates:
        if not isinstance(entry, list) or len(entry) < TEMPLATE_PARTS or entry[2] not in COPY_MODES:
            continue
        name = Path(texts.text(entry[0])).name
        place = texts.path(entry[1])
        if place is None or entry[2] == "copy-dir":
            continue
        is_folder = str(entry[1]).endswith("/") or not place.suffix or place.is_dir()
        found[name] = place / name if is_folder else place
    return found
