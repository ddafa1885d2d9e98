"""Finding the programs of a deployment."""

from __future__ import annotations

from pathlib import Path

from zoo_stm32.deployment import find_tools


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_programs_come_from_the_setting_the_variables_and_the_path(tmp_path: Path) -> None:
    ide = program(tmp_path / "ide/stm32cubeide")
    programmer = program(tmp_path / "prog/STM32_Programmer_CLI")
    signing = program(tmp_path / "prog/STM32_SigningTool_CLI")
    make = program(tmp_path / "bin/make")
    other = program(tmp_path / "bin/STM32_Programmer_CLI")
    path = {"PATH": str(tmp_path / "bin")}
    found = find_tools(ide, {**path, "STM32_CUBE_PROG_EXE": str(programmer)})
    assert (found.cube_ide, found.programmer, found.signing, found.make) == (ide, programmer, signing, make)
    assert found.compiler is None
    assert find_tools(None, {**path, "STM32_CUBE_IDE_EXE": str(ide)}).cube_ide == ide
    assert find_tools(None, path).programmer == other


def test_the_newest_programmer_inside_the_ide_is_taken(tmp_path: Path) -> None:
    ide = program(tmp_path / "ide/stm32cubeide")
    for version in ("2.1.0", "2.2.0"):
        folder = f"plugins/com.st.stm32cube.ide.mcu.externaltools.cubeprogrammer.linux64_{version}/tools/bin"
        newest = program(tmp_path / "ide" / folder / "STM32_Programmer_CLI")
        program(tmp_path / "ide" / folder / "STM32_SigningTool_CLI")
    found = find_tools(ide, {"PATH": ""})
    assert found.programmer == newest
    assert found.signing == newest.with_name("STM32_SigningTool_CLI")


def test_a_setting_that_names_nothing_finds_nothing(tmp_path: Path) -> None:
    found = find_tools(tmp_path / "absent", {"PATH": str(tmp_path)})
    assert found.cube_ide is None
    assert found.programmer is None
