"""Own the user's C project: finding its parts, and listing at once all that lacks in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_stm32.boards import Board
from zoo_stm32.deployment.board_file import BoardFile
from zoo_stm32.deployment.layouts import Layout

NAME = re.compile(r"<projectDescription>.*?<name>\s*([^<]+?)\s*</name>", re.DOTALL)
CONFIGURATION = re.compile(r'<storageModule\b[^>]*\bbuildSystemId="[^"]*"[^>]*\bname="([^"]+)"')
OTHER_ORDER = re.compile(r'<storageModule\b[^>]*\bname="([^"]+)"[^>]*\bbuildSystemId="[^"]*"')
SOURCES = ("*.c", "*.h")
MEMORY_HEADER = "ai_memory_config.h"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdeProject:
    """Describe an STM32CubeIDE project."""

    folder: Path
    name: str
    configurations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Name the parts of a C project; nothing where one lacks, with a line that says what was looked for."""

    folder: Path
    header_folder: Path | None
    runtime_folder: Path | None
    ide: IdeProject | None
    makefile: Path | None
    configuration: str | None
    first_stage_loader: Path | None
    memory_pool: Path | None
    problems: tuple[str, ...]


def find_project(
    folder: Path, board: Board, layout: Layout, board_file: BoardFile, configuration: str | None
) -> Project:
    """Look for the parts of a project and list what lacks.

    Args:
        folder: `deployment.c_project_path`.
        board: The board.
        layout: How projects for the board are laid out.
        board_file: What the project says of itself.
        configuration: Build configuration that the user asks for.
    """
    if not folder.is_dir():
        lines = (f"deployment.c_project_path: the folder {folder.absolute()} does not exist",)
        return _nothing(folder, lines)
    problems: list[str] = []
    header_folder = _first_folder(folder, layout.header_folders)
    if header_folder is None:
        problems.append(f"a folder for headers: {' or '.join(layout.header_folders)}")
    runtime = _first_folder(folder, layout.runtime_folders)
    if runtime is None:
        problems.append(f"a folder for the runtime library: {' or '.join(layout.runtime_folders)}")
    missing_code = dict.fromkeys(
        " or ".join(rule.folders)
        for rule in layout.code
        if rule.needed and rule.pattern not in board_file.destinations and _first_folder(folder, rule.folders) is None
    )
    problems += [f"a folder for the network's code: {folders}" for folders in missing_code]
    ide, ide_problem = _ide_project(folder, layout, board_file)
    makefile = _makefile(folder)
    chosen, configuration_problem = _configuration(ide, layout, board_file, configuration)
    if makefile is None:
        problems += [line for line in (ide_problem, configuration_problem) if line]
    loader = _loader(folder, layout.first_stage_loader, board)
    if layout.first_stage_loader and loader is None:
        problems.append(f"the first-stage loader {layout.first_stage_loader}, anywhere in the project")
    return Project(
        folder=folder,
        header_folder=header_folder,
        runtime_folder=runtime,
        ide=ide,
        makefile=makefile,
        configuration=chosen,
        first_stage_loader=loader,
        memory_pool=board_file.memory_pool or _named(folder, f"mempools_{board.name}.json"),
        problems=tuple(problems),
    )


def mentions(folder: Path, text: str, patterns: Sequence[str]) -> bool:
    """Tell whether a text file of the project holds a text."""
    wanted = text.encode()
    return any(wanted in path.read_bytes() for pattern in patterns for path in folder.rglob(pattern) if path.is_file())


def _nothing(folder: Path, problems: tuple[str, ...]) -> Project:
    return Project(
        folder=folder,
        header_folder=None,
        runtime_folder=None,
        ide=None,
        makefile=None,
        configuration=None,
        first_stage_loader=None,
        memory_pool=None,
        problems=problems,
    )


def _first_folder(folder: Path, candidates: Sequence[str]) -> Path | None:
    return next((folder / one for one in candidates if (folder / one).is_dir()), None)


def _ide_project(folder: Path, layout: Layout, board_file: BoardFile) -> tuple[IdeProject | None, str]:
    """Return the project that STM32CubeIDE builds, or what is wrong."""
    if board_file.project_folder is not None:
        found = [board_file.project_folder / ".cproject"]
    else:
        found = sorted(folder.rglob(".cproject"))
    projects = [project for path in found if (project := _read_ide_project(path)) is not None]
    if len(projects) > 1 and layout.project_mark:
        projects = [project for project in projects if project.name.endswith(layout.project_mark)]
    elif len(projects) > 1:
        projects = [project for project in projects if "fsbl" not in project.name.casefold()]
    if not projects:
        return None, "an STM32CubeIDE project (.project and .cproject) or a Makefile"
    if len(projects) > 1:
        names = ", ".join(project.name for project in projects)
        return None, f"one STM32CubeIDE project, found {names}; name it by cproject_location in stmaic_<board>.conf"
    return projects[0], ""


def _read_ide_project(cproject: Path) -> IdeProject | None:
    description = cproject.with_name(".project")
    if not cproject.is_file() or not description.is_file():
        return None
    name = NAME.search(description.read_text(encoding="utf-8", errors="replace"))
    text = cproject.read_text(encoding="utf-8", errors="replace")
    configurations = dict.fromkeys([*CONFIGURATION.findall(text), *OTHER_ORDER.findall(text)])
    if name is None:
        return None
    return IdeProject(folder=cproject.parent, name=name[1], configurations=tuple(configurations))


def _configuration(
    ide: IdeProject | None, layout: Layout, board_file: BoardFile, wanted: str | None
) -> tuple[str | None, str]:
    if ide is None:
        return wanted, ""
    if wanted is not None:
        known = wanted in ide.configurations
        problem = f"the build configuration {wanted}; {ide.name} has {', '.join(ide.configurations) or 'none'}"
        return (wanted, "") if known else (None, problem)
    preferred = (board_file.configuration, *layout.configurations)
    chosen = next((one for one in preferred if one in ide.configurations), None)
    if chosen is None and len(ide.configurations) == 1:
        chosen = ide.configurations[0]
    problem = (
        f"a build configuration {' or '.join(layout.configurations)}; {ide.name} has {', '.join(ide.configurations)}"
    )
    return chosen, "" if chosen else problem


def _makefile(folder: Path) -> Path | None:
    return next((path for path in (folder / "Makefile", folder / "makefile") if path.is_file()), None)


def _loader(folder: Path, name: str, board: Board) -> Path | None:
    """Return the loader that lies in a folder of the board, else any."""
    found = sorted(folder.rglob(name)) if name else []
    return next((path for path in found if board.name in path.parts), next(iter(found), None))


def _named(folder: Path, name: str) -> Path | None:
    return next(iter(sorted(folder.rglob(name))), None)
