"""Own stand-ins for STM32_Programmer_CLI and STM32_SigningTool_CLI: boards with memory, and failures on demand.

They take the options that ST UM2237 and UM2543 document and that zoo uses, and answer in the same manner.
"""

from __future__ import annotations

import json
import shutil
import stat
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOADERS = (
    "MT25TL01G_STM32H747I-DISCO.stldr",
    "MX66UW1G45G_STM32N6570-DK.stldr",
    "MX25UM51245G_STM32N6570-NUCLEO.stldr",
)
SIGNED_HEADER = b"STM2" + bytes(508)
SETTINGS = "stand_in.json"
LOADED = 1
"""Type of an ELF segment that is loaded."""
FAILURES = (
    "none",
    "write",
    "verify",
    "protected",
    "target",
    "usb",
    "sign",
    "sign_silent",
    "hang",
    "read_short",
    "disk",
)


@dataclass(frozen=True, slots=True)
class ProgrammerStandIn:
    """Name what `install_programmer` put into a folder."""

    folder: Path

    @property
    def programmer(self) -> Path:
        """Return the stand-in of STM32_Programmer_CLI."""
        return self.folder / "STM32_Programmer_CLI"

    @property
    def signing(self) -> Path:
        """Return the stand-in of STM32_SigningTool_CLI."""
        return self.folder / "STM32_SigningTool_CLI"

    def calls(self) -> list[list[str]]:
        """Return the arguments of every call so far."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def memory(self, address: int, size: int) -> bytes:
        """Return bytes of the board's memory; erased ones are 0xFF."""
        return _Memory(self.folder).read(address, size)

    def fail(self, failure: str) -> None:
        """Fail from now on in the given way, one of `FAILURES`."""
        data = _settings(self.folder)
        (self.folder / SETTINGS).write_text(json.dumps({**data, "failure": failure}))


def install_programmer(
    folder: Path, boards: Sequence[tuple[str, str]], *, failure: str = "none", loaders: Sequence[str] = LOADERS
) -> ProgrammerStandIn:
    """Write both programs into a folder.

    Args:
        folder: Where they go.
        boards: (serial number, board name) of each connected probe.
        failure: One of `FAILURES`.
        loaders: External loaders beside the programmer.
    """
    shutil.rmtree(folder / "ExternalLoader", ignore_errors=True)
    (folder / "ExternalLoader").mkdir(parents=True)
    for loader in loaders:
        (folder / "ExternalLoader" / loader).write_bytes(b"loader")
    (folder / SETTINGS).write_text(json.dumps({"boards": list(boards), "failure": failure}))
    stand_in = ProgrammerStandIn(folder)
    for path, entry in ((stand_in.programmer, "program"), (stand_in.signing, "sign")):
        write_program(path, f"from zoo_stm32.testing.programmer import {entry}", f"{entry}(Path(__file__).parent)")
    return stand_in


def write_program(path: Path, imports: str, call: str) -> None:
    """Write an executable that calls a function of this package and ends with its result; it starts without `site`."""
    package = Path(__file__).parents[2]
    head = [f"#!{sys.executable} -S", "import sys", f"sys.path.insert(0, {str(package)!r})", "from pathlib import Path"]
    lines = [*head, imports, f"sys.exit({call})"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def program(folder: Path) -> int:
    """Act as STM32_Programmer_CLI."""
    settings, arguments = _settings(folder), sys.argv[1:]
    _record(folder, arguments)
    failure = settings["failure"]
    _say("      -------------------------------------------------------------------")
    _say("                        STM32CubeProgrammer v2.18.0")
    if arguments[:1] == ["-l"]:
        return _list(settings["boards"])
    if failure == "hang":
        hang()
    serial = next((word[3:] for word in arguments if word.startswith("sn=")), None)
    if not settings["boards"] or serial not in [board[0] for board in settings["boards"]]:
        _say("Error: No STLink detected!" if not settings["boards"] else "Error: Wrong ST-LINK serial number")
        return 1
    if failure in CONNECTION_FAILURES:
        _say(CONNECTION_FAILURES[failure])
        return 1
    return _act(folder, arguments, failure)


def sign(folder: Path) -> int:
    """Act as STM32_SigningTool_CLI."""
    settings, arguments = _settings(folder), sys.argv[1:]
    _record(folder, arguments)
    if settings["failure"] == "sign":
        _say("Error: Unable to open binary file")
        return 1
    if settings["failure"] != "sign_silent":
        data = Path(_after(arguments, "-bin")).read_bytes()
        Path(_after(arguments, "-o")).write_bytes(SIGNED_HEADER + data)
    _say(" The signed image file generated successfully")
    return 0


def hang() -> None:
    """Wait until somebody ends this program."""
    import time

    _say("Waiting")
    while True:
        time.sleep(60)


CONNECTION_FAILURES = {
    "usb": "Error: ST-LINK error (DEV_USB_COMM_ERR)",
    "target": "Error: Unable to get core ID\nError: No STM32 target found!",
    "protected": "Error: failed to erase memory: Sector 0 is write protected",
}


class _Memory:
    """Keep what was written in one file of pieces."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "memory.json"
        found: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._pieces = {int(address): bytes.fromhex(text) for address, text in found.items()}

    def write(self, address: int, data: bytes) -> None:
        self._pieces[address] = data
        self._path.write_text(json.dumps({str(key): value.hex() for key, value in self._pieces.items()}))

    def read(self, address: int, size: int) -> bytes:
        found = bytearray(b"\xff" * size)
        for start, data in self._pieces.items():
            for offset, byte in enumerate(data):
                if 0 <= start + offset - address < size:
                    found[start + offset - address] = byte
        return bytes(found)


def _act(folder: Path, arguments: Sequence[str], failure: str) -> int:
    memory = _Memory(folder)
    if "-u" in arguments:
        place = arguments.index("-u")
        address, size = int(arguments[place + 1], 16), int(arguments[place + 2], 16)
        data = memory.read(address, size)
        if failure == "verify":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if failure == "disk":
            _say("Error: failed to write the file: No space left on device")
            return 1
        Path(arguments[place + 3]).write_bytes(data[: size // 2] if failure == "read_short" else data)
        _say("Data read successfully")
        return 0
    if "-rst" in arguments:
        _say("MCU Reset")
        return 0
    if failure == "write":
        _say("Error: failed to erase memory\nError: failed to download Sector[3]")
        return 1
    _write(memory, arguments)
    _say("File download complete")
    return 0


def _write(memory: _Memory, arguments: Sequence[str]) -> None:
    flag = "-d" if "-d" in arguments else "-w"
    place = arguments.index(flag)
    file = Path(arguments[place + 1])
    if file.suffix == ".elf":
        for address, data in _load_segments(file.read_bytes()):
            memory.write(address, data)
    elif file.suffix != ".hex":
        memory.write(int(arguments[place + 2], 16), file.read_bytes())


def _load_segments(elf: bytes) -> list[tuple[int, bytes]]:
    """Return load address and bytes of the segments of a 32-bit little-endian ELF file."""
    table, size, count = struct.unpack_from("<I", elf, 28)[0], *struct.unpack_from("<HH", elf, 42)
    headers = [struct.unpack_from("<8I", elf, table + index * size) for index in range(count)]
    return [(one[3], elf[one[1] : one[1] + one[4]]) for one in headers if one[0] == LOADED and one[4]]


def _list(boards: Sequence[Sequence[str]]) -> int:
    if not boards:
        _say("Error: No ST-Link detected!")
        return 0
    _say("-------- Connected ST-LINK Probes List --------")
    for index, (serial, name) in enumerate(boards):
        _say(f"\nST-Link Probe {index} :\n   ST-LINK SN  : {serial}\n   ST-LINK FW  : V3J13M4")
        _say("   Access Port Number  : 1" + (f"\n   Board Name  : {name}" if name else ""))
    _say("-----------------------------------------------")
    return 0


def _settings(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / SETTINGS).read_text())
    return data


def _record(folder: Path, arguments: Sequence[str]) -> None:
    with (folder / "calls.jsonl").open("a") as stream:
        stream.write(json.dumps([Path(sys.argv[0]).name, *arguments]) + "\n")


def _after(arguments: Sequence[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
