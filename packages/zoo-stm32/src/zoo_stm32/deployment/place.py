"""Own putting generated files into the documented folders of a C project; doing it twice changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import UserError
from zoo_core.runs.files import disk_errors
from zoo_stm32.deployment.layouts import Layout
from zoo_stm32.deployment.project import Project


@dataclass(frozen=True, slots=True)
class Copy:
    """Name a file and where it goes."""

    source: Path
    target: Path


def code_copies(
    files: Iterable[Path],
    replaced: Mapping[str, Path],
    project: Project,
    layout: Layout,
    destinations: Mapping[str, Path],
) -> list[Copy]:
    """Return where the network's code goes.

    Args:
        files: What the code generator wrote.
        replaced: File name -> changed copy that goes in its place.
        project: The C project.
        layout: How projects for the board are laid out.
        destinations: File name -> place that the project itself names.

    Raises:
        UserError: Listing the files that the generator did not write.
    """
    by_name = {path.name: path for path in files} | dict(replaced)
    copies, missing = [], []
    for rule in layout.code:
        source = by_name.get(rule.pattern)
        if source is None:
            if rule.needed:
                missing.append(rule.pattern)
            continue
        folder = next((project.folder / one for one in rule.folders if (project.folder / one).is_dir()), None)
        named = destinations.get(rule.pattern)
        if named is not None:
            copies.append(Copy(source, named.with_suffix(".bin") if named.suffix == ".raw" else named))
        elif folder is not None:
            copies.append(Copy(source, folder / (rule.name or source.name)))
    if missing:
        raise UserError(
            f"The code generator did not write {', '.join(missing)}.",
            hint="The version of the tool names its files otherwise; zoo-stm32 was written for 2.x, 3.x and 4.x.",
        )
    return copies


def header_copies(headers: Sequence[Path], project: Project, destinations: Mapping[str, Path]) -> list[Copy]:
    """Return where the application's headers go."""
    folder = project.header_folder
    return [
        Copy(header, destinations.get(header.name, (folder or project.folder) / header.name))
        for header in headers
        if folder is not None or header.name in destinations
    ]


def runtime_copies(runtime: Path | None, project: Project, layout: Layout) -> list[Copy]:
    """Return where the runtime library goes: libraries straight into `Lib`, the rest as it lies."""
    if runtime is None or project.runtime_folder is None:
        return []
    copies = []
    for part in layout.runtime_parts:
        flat = part.startswith("Lib/") and layout.flash_address is None
        for source in sorted(path for path in (runtime / part).rglob("*") if path.is_file()):
            inner = Path("Lib") / source.name if flat else source.relative_to(runtime)
            copies.append(Copy(source, project.runtime_folder / inner))
    return copies


def apply(copies: Sequence[Copy]) -> tuple[Path, ...]:
    """Write every file whose content differs, each whole or not at all, and return those that were written.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    written = []
    for copy in copies:
        with disk_errors(copy.target):
            data = copy.source.read_bytes()
            if copy.target.is_file() and copy.target.read_bytes() == data:
                continue
            _replace(copy.target, data)
        written.append(copy.target)
    return tuple(written)


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
