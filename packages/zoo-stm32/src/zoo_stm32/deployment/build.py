"""Own building a C project: STM32CubeIDE without its window, or make with the GNU compiler.

Written for STM32CubeIDE 1.14 to 1.19.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from zoo_core.errors import ZooError
from zoo_core.protocols import Progress
from zoo_core.runs.files import disk_errors
from zoo_stm32.deployment.execute import cause, execute, failure
from zoo_stm32.deployment.job import DeployTools, Limits
from zoo_stm32.deployment.project import Project

HEADLESS = "org.eclipse.cdt.managedbuilder.core.headlessbuild"
BUILD_CAUSES = (
    cause(r"region `?'?(\S+?)'? overflowed by", "the image does not fit the memory that the linker script gives it",
          "Take a smaller model, or one whose weights go to external flash."),
    cause(r"No configuration|matched no|not matched", "the project has no such build configuration",
          "Name one of the project's configurations in deployment.build_conf."),
    cause(r"Workspace (?:in use|already in use)|workspace.*locked", "another STM32CubeIDE holds the workspace",
          "Close STM32CubeIDE."),
    cause(r"arm-none-eabi-gcc: (?:command )?not found|Program \"?(?:arm-none-eabi-gcc|make)\"? not found",
          "the compiler was not found", "Install the GNU tools for STM32 inside STM32CubeIDE."),
)  # fmt: skip
FAILED = re.compile(r"Build Failed|^.*: error: |\*\*\* \[.*Error \d+|No configuration", re.IGNORECASE | re.MULTILINE)
CLOCK_SLACK_S = 2.0


def build_project(project: Project, tools: DeployTools, limits: Limits, log: Path, progress: Progress) -> Path:
    """Build the application and return its ELF file.

    Raises:
        ZooError: When the build fails or leaves no ELF file of this build.
    """
    started = time.time()
    if tools.cube_ide is not None and project.ide is not None:
        output = project.ide.folder / str(project.configuration)
        _with_ide(project, tools.cube_ide, limits, log, progress)
    else:
        output = project.folder
        _with_make(project, tools, limits, log, progress)
    elf = _newest(output, started)
    if elf is None:
        raise ZooError(f"The build ended well but made no new ELF file in {output}.", hint=f"All it printed: {log}")
    return elf


def builder_problem(project: Project, tools: DeployTools) -> str | None:
    """Return why nothing can build the project, or nothing."""
    if tools.cube_ide is not None and project.ide is not None:
        return None
    if project.makefile is not None and tools.make is not None and tools.compiler is not None:
        return None
    if project.makefile is not None:
        return "STM32CubeIDE (tools.path_to_cubeIDE), or make and arm-none-eabi-gcc on the PATH"
    return "STM32CubeIDE (tools.path_to_cubeIDE)"


def _with_ide(project: Project, ide: Path, limits: Limits, log: Path, progress: Progress) -> None:
    ide_project = project.ide
    if ide_project is None:
        return
    name = f"{ide_project.name}/{project.configuration}"
    with disk_errors(log):
        workspace = Path(tempfile.mkdtemp(prefix="zoo_cubeide_"))
    try:
        arguments: list[str | Path] = [ide, "--launcher.suppressErrors", "-nosplash", "-application", HEADLESS]
        arguments += ["-import", ide_project.folder, "-data", workspace, "-cleanBuild", name]
        what = f"Building {name}"
        finished = execute(
            arguments,
            log,
            what=what,
            limit_s=limits.build_s,
            poll_s=limits.poll_s,
            progress=progress,
            causes=BUILD_CAUSES,
        )
        if FAILED.search(finished.output):
            raise failure(what, finished, log, BUILD_CAUSES)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _with_make(project: Project, tools: DeployTools, limits: Limits, log: Path, progress: Progress) -> None:
    if tools.make is None:
        return
    jobs = f"-j{max(1, os.cpu_count() or 1)}"
    execute(
        [tools.make, "-C", project.folder, jobs],
        log,
        what=f"Building {project.folder.name} with make",
        limit_s=limits.build_s,
        poll_s=limits.poll_s,
        progress=progress,
        causes=BUILD_CAUSES,
    )


def _newest(folder: Path, started: float) -> Path | None:
    """Return the ELF file that this build wrote; make keeps one that is up to date."""
    found = sorted(folder.rglob("*.elf"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((path for path in found if path.stat().st_mtime >= started - CLOCK_SLACK_S), None)
