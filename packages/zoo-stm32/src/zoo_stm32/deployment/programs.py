"""Own finding the programs of a deployment: STM32CubeIDE, its programmer and signing tool, GCC, make, ssh.

Written for STM32CubeIDE 1.14 to 1.19 and STM32CubeProgrammer 2.14 to 2.20.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from zoo_stm32.deployment.job import DeployTools

IDE_VARIABLE = "STM32_CUBE_IDE_EXE"
PROGRAMMER_VARIABLE = "STM32_CUBE_PROG_EXE"
IDE_NAMES = ("stm32cubeidec", "headless-build.sh", "stm32cubeide")
PROGRAMMER = "STM32_Programmer_CLI"
SIGNING_TOOL = "STM32_SigningTool_CLI"
COMPILER = "arm-none-eabi-gcc"
BUNDLED = "plugins/com.st.stm32cube.ide.mcu.externaltools.cubeprogrammer.*/tools/bin"
"""Folder inside STM32CubeIDE that holds a programmer."""


def find_tools(cube_ide: Path | None = None, environ: Mapping[str, str] | None = None) -> DeployTools:
    """Return the programs of this computer.

    Args:
        cube_ide: Value of `tools.path_to_cubeIDE`; then `STM32_CUBE_IDE_EXE` and the PATH are tried.
        environ: Environment to look into; that of the process when absent.
    """
    variables = os.environ if environ is None else environ
    path = variables.get("PATH")
    ide = cube_ide if cube_ide is not None else _of_variable(variables, IDE_VARIABLE)
    if ide is None:
        ide = next((found for name in IDE_NAMES if (found := _which(name, path)) is not None), None)
    ide = ide if ide is not None and ide.is_file() else None
    programmer = _of_variable(variables, PROGRAMMER_VARIABLE) or _which(PROGRAMMER, path) or _bundled(ide, PROGRAMMER)
    beside = None if programmer is None else _executable(programmer.resolve().parent, SIGNING_TOOL)
    return DeployTools(
        cube_ide=ide,
        make=_which("make", path),
        compiler=_which(COMPILER, path),
        programmer=programmer,
        signing=beside or _which(SIGNING_TOOL, path) or _bundled(ide, SIGNING_TOOL),
        ssh=_which("ssh", path),
        scp=_which("scp", path),
    )


def _of_variable(variables: Mapping[str, str], name: str) -> Path | None:
    value = variables.get(name)
    return Path(value) if value and Path(value).is_file() else None


def _which(name: str, path: str | None) -> Path | None:
    found = shutil.which(name, path=path)
    return None if found is None else Path(found)


def _bundled(ide: Path | None, name: str) -> Path | None:
    """Return the newest of the programs that come inside STM32CubeIDE."""
    if ide is None:
        return None
    folders = sorted(ide.resolve().parent.glob(BUNDLED), reverse=True)
    return next((found for folder in folders if (found := _executable(folder, name)) is not None), None)


def _executable(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.exe") if path.is_file()), None)
