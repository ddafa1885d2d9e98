"""Own a stand-in for STM32CubeIDE without its window, and projects in ST's layout that it builds.

The image that it builds depends on every source file of the project, so that a forgotten file shows.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from zoo_stm32.testing.programmer import hang, write_program

FAILURES = ("none", "error", "silent", "no_configuration", "overflow", "hang", "disk", "crash")
SETTINGS = "cubeide.json"
SOURCES = (".c", ".h")
OUTPUT = {
    "error": "main.c:12:5: error: 'foo' undeclared (first use in this function)\nBuild Failed. 1 errors, 0 warnings.",
    "no_configuration": "No configuration matched the given name",
    "overflow": "ld: region `RAM' overflowed by 4096 bytes\ncollect2: error: ld returned 1 exit status",
    "disk": "cc1: fatal error: error writing to cc.s: No space left on device",
}
FLASH_BYTES = 4096
RAM_BYTES = 1024


def install_cubeide(folder: Path, *, failure: str = "none", flash_address: int = 0x08000000) -> Path:
    """Write the program into a folder and return it.

    Args:
        folder: Where it goes.
        failure: One of `FAILURES`.
        flash_address: Where the images that it builds are stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(json.dumps({"failure": failure, "address": flash_address}))
    path = folder / "stm32cubeide"
    write_program(path, "from zoo_stm32.testing.cubeide import build", "build(Path(__file__).parent)")
    return path


def build(folder: Path) -> int:
    """Act as STM32CubeIDE's headless build."""
    settings = json.loads((folder / SETTINGS).read_text())
    arguments = sys.argv[1:]
    failure = settings["failure"]
    project = Path(arguments[arguments.index("-import") + 1])
    name, _, configuration = arguments[arguments.index("-cleanBuild") + 1].partition("/")
    for line in range(50):
        _say(f"arm-none-eabi-gcc source_{line}.c")
    if failure == "hang":
        hang()
    if failure in OUTPUT:
        _say(OUTPUT[failure])
        return 0 if failure == "no_configuration" else 1
    if failure == "crash":
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)
    if failure != "silent":
        write_image(project, name, configuration, settings["address"])
    _say("Build Finished. 0 errors, 0 warnings.")
    return 0


def write_image(project: Path, name: str, configuration: str, address: int) -> None:
    """Write ELF and binary files whose bytes come from the project's sources."""
    output = project / configuration
    output.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    root = next((one for one in project.parents if (one / ROOT_MARK).exists()), project)
    for source in sorted(path for path in root.rglob("*") if path.suffix in SOURCES):
        digest.update(source.name.encode() + source.read_bytes())
    code = (digest.digest() * (FLASH_BYTES // digest.digest_size))[:FLASH_BYTES]
    (output / f"{name}.elf").write_bytes(elf_bytes(code, address, 0x24000000, RAM_BYTES))
    (output / f"{name}.bin").write_bytes(code)


def elf_bytes(code: bytes, address: int, ram_address: int, ram_bytes: int) -> bytes:
    """Return an ELF file for Arm with `.text` of the given bytes and a `.bss` of the given size."""
    names = b"\0.text\0.bss\0.shstrtab\0"
    code_at, names_at = 84, 84 + len(code)
    sections_at = names_at + len(names)
    ident = b"\x7fELF" + bytes([1, 1, 1, 0]) + bytes(8)
    header = struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, address, 52, sections_at, 0x05000000, 52, 32, 1, 40, 4, 3)
    segment = struct.pack("<IIIIIIII", 1, code_at, address, address, len(code), len(code), 5, 4)
    sections = [
        struct.pack("<10I", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        struct.pack("<10I", 1, 1, 6, address, code_at, len(code), 0, 0, 4, 0),
        struct.pack("<10I", 7, 8, 3, ram_address, names_at, ram_bytes, 0, 0, 4, 0),
        struct.pack("<10I", 12, 3, 0, 0, names_at, len(names), 0, 0, 1, 0),
    ]
    return ident + header + segment + code + names + b"".join(sections)


ROOT_MARK = "stand_in_project"


def make_project(folder: Path, board: str, *, leave_out: Sequence[str] = ()) -> Path:
    """Make a C project in ST's layout for a board.

    Args:
        folder: Where it goes.
        board: `STM32H747I-DISCO`, `NUCLEO-H743ZI2`, `STM32N6570-DK` or `NUCLEO-N657X0-Q`.
        leave_out: Parts that lack: `headers`, `code`, `runtime`, `ide`, `configuration`, `fsbl`, `sections`.
    """
    is_n6 = "N6" in board
    parts = {
        "headers": [f"Application/{board}/Inc" if is_n6 else f"Application/{board}/Inc/CM7"],
        "code": [f"Model/{board}"] if is_n6 else ["Application/Network/Inc", "Application/Network/Src"],
        "runtime": ["Middlewares/AI_Runtime/Lib"] if is_n6 else ["Middlewares/STM32_AI_Runtime/Lib"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ROOT_MARK).write_text("")
    for name, folders in parts.items():
        for part in folders if name not in leave_out else ():
            (folder / part).mkdir(parents=True, exist_ok=True)
            if name == "runtime":
                (folder / part / "NetworkRuntime_GCC.a").write_bytes(b"!<arch>\n")
    if "ide" not in leave_out:
        configurations = () if "configuration" in leave_out else _configurations(board)
        _write_ide_project(folder / "STM32CubeIDE", "Demo" if is_n6 else "Demo_CM7", configurations)
        if not is_n6 and "CM4" not in leave_out:
            _write_ide_project(folder / "STM32CubeIDE_CM4", "Demo_CM4", ("Release",))
    if is_n6 and "fsbl" not in leave_out:
        (folder / "Binary").mkdir(exist_ok=True)
        (folder / "Binary" / "ai_fsbl.hex").write_text(":00000001FF\n")
    if not is_n6:
        sections = (
            ""
            if "sections" in leave_out
            else ".ExternalFlashSection : { } > EXT\n.InternalFlashSection : { } > FLASH\n"
        )
        (folder / "STM32H7.ld").write_text(f"SECTIONS {{ {sections} }}\n")
        include = "" if "sections" in leave_out else '#include "ai_memory_config.h"\n'
        (folder / "main.c").write_text(f"{include}int main(void) {{ return 0; }}\n")
    return folder


def _configurations(board: str) -> tuple[str, ...]:
    return {"NUCLEO-N657X0-Q": ("UVCL", "SPI"), "STM32N6570-DK": ("Debug",)}.get(board, ("Debug", "Release"))


def _write_ide_project(folder: Path, name: str, configurations: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".project").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<projectDescription>\n\t<name>{name}</name>\n'
        "\t<comment></comment>\n</projectDescription>\n"
    )
    blocks = "".join(
        f'<cconfiguration id="c.{one}"><storageModule buildSystemId="org.eclipse.cdt.managedbuilder.core.'
        f'configurationDataProvider" id="c.{one}" moduleId="org.eclipse.cdt.core.settings" name="{one}"/>'
        "</cconfiguration>\n"
        for one in configurations
    )
    (folder / ".cproject").write_text(f"<cproject>\n{blocks}</cproject>\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
