"""Own STM32CubeProgrammer and its signing tool: probes, writing, reading back, signing.

Written for STM32CubeProgrammer 2.14 to 2.20 (options as in ST UM2237 and UM2543).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.protocols import Progress
from zoo_stm32.deployment.execute import cause, execute
from zoo_stm32.deployment.job import Limits

SERIAL_KEY = "deployment.hardware_setup.stlink_serial_number"
PROBE = re.compile(r"ST-LINK SN\s*:\s*(?P<serial>\S+)(?P<rest>.*?)(?=ST-LINK SN\s*:|\Z)", re.IGNORECASE | re.DOTALL)
BOARD_NAME = re.compile(r"Board Name\s*:\s*(\S[^\r\n]*)", re.IGNORECASE)
CONNECTED = (
    cause(
        r"No ST-?Link detected|No debug probe detected|No STM32 target found.*probe",
        "no ST-LINK probe is connected",
        "Connect the board by its ST-LINK USB port and close other programs that use the probe.",
    ),
    cause(
        r"ST-LINK error \(DEV_USB_COMM_ERR\)|ST-LINK.*(?:already|in) use|DEV_CONNECT_ERR.*used",
        "another program holds the probe",
        "Close STM32CubeIDE, STM32CubeProgrammer and debuggers.",
    ),
    cause(
        r"external loader.*(?:not found|cannot|failed)|Wrong (?:external )?loader|Failed to (?:load|init).*loader",
        "the loader of the external flash does not work",
        "Check that the loader belongs to this board and that the board's boot switches are in development mode.",
    ),
    cause(
        r"Unable to get core ID|DEV_TARGET_NOT_HALTED|No STM32 target found|DEV_TARGET_HELD_UNDER_RESET",
        "the probe does not reach the chip",
        "Move the boot switches to development mode, press reset, and check the power of the board.",
    ),
    cause(
        r"Sector.*protected|write protect|RDP|readout protection",
        "the flash is protected",
        "Remove the protection with STM32CubeProgrammer; that erases the chip.",
    ),
)


@dataclass(frozen=True, slots=True)
class Probe:
    """Name a probe by its serial number, and its board where the probe knows it."""

    serial: str
    board: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Programmer:
    """Drive one installed STM32CubeProgrammer."""

    executable: Path
    limits: Limits
    logs: Path
    progress: Progress

    def probes(self) -> tuple[Probe, ...]:
        """Return the connected probes.

        Raises:
            ZooError: When the programmer fails.
        """
        finished = execute(
            [self.executable, "-l", "st-link"],
            self.logs / "probes.log",
            what="Looking for ST-LINK probes",
            limit_s=self.limits.probe_s,
            poll_s=self.limits.poll_s,
            progress=self.progress,
        )
        found = []
        for match in PROBE.finditer(finished.output):
            board = BOARD_NAME.search(match["rest"])
            found.append(Probe(match["serial"], board[1].strip() if board else ""))
        return tuple(found)

    def choose(self, board: str, serial: str | None) -> Probe:
        """Return the probe to use: by its serial number, else the only one of the board.

        Raises:
            MissingError: When none is connected, or not the one that was named.
            UserError: When several could be meant.
        """
        return choose_probe(self.probes(), board, serial)

    def write(
        self, probe: Probe, arguments: Sequence[str | Path], *, step: str, loader: Path | None, hotplug: bool
    ) -> None:
        """Connect and run further arguments, such as `-w file address`.

        Raises:
            ZooError: When the programmer fails or does not say that it wrote.
        """
        mode = ["mode=HOTPLUG"] if hotplug else []
        extload = [] if loader is None else ["--extload", str(loader)]
        execute(
            [self.executable, "-c", "port=swd", *mode, f"sn={probe.serial}", *extload, *arguments],
            self.logs / f"{step}.log",
            what=f"Programming {step}",
            limit_s=self.limits.flash_s,
            poll_s=self.limits.poll_s,
            progress=self.progress,
            causes=CONNECTED,
        )

    def read(self, probe: Probe, address: int, size: int, into: Path, *, loader: Path | None, hotplug: bool) -> bytes:
        """Read memory of the board back.

        Raises:
            ZooError: When the programmer fails or gives another number of bytes.
        """
        into.unlink(missing_ok=True)
        arguments: list[str | Path] = ["-u", f"0x{address:08X}", f"0x{size:X}", into]
        self.write(probe, arguments, step=f"readback_{address:08x}", loader=loader, hotplug=hotplug)
        data = into.read_bytes() if into.is_file() else b""
        if len(data) != size:
            raise ZooError(f"STM32CubeProgrammer gave {len(data):,} bytes from 0x{address:08X}, not {size:,}.")
        return data

    def loader(self, name: str) -> Path | None:
        """Return the external loader of a name beside the programmer, where it is."""
        path = Path(name) if Path(name).is_absolute() else self.executable.resolve().parent / "ExternalLoader" / name
        return path if name and path.is_file() else None


def choose_probe(probes: Sequence[Probe], board: str, serial: str | None) -> Probe:
    """Return the probe with a serial number, else the only one that belongs to the board.

    Raises:
        MissingError: When none is connected, or not the one that was named.
        UserError: When several could be meant.
    """
    shown = "; ".join(f"{one.serial} ({one.board or 'unknown board'})" for one in probes)
    if not probes:
        raise MissingError(
            "No ST-LINK probe is connected.", hint=f"Connect {board} by its ST-LINK USB port; check cable and driver."
        )
    if serial is not None:
        named = [one for one in probes if one.serial.casefold() == serial.casefold()]
        if not named:
            raise MissingError(f"The probe {serial} ({SERIAL_KEY}) is not connected. Connected are: {shown}.")
        return named[0]
    fitting = [one for one in probes if one.board.casefold() == board.casefold()]
    unknown = [one for one in probes if not one.board]
    candidates = fitting or unknown
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise MissingError(
            f"No {board} is connected. Connected are: {shown}.", hint=f"Connect it, or name its probe in {SERIAL_KEY}."
        )
    raise UserError(
        f"{len(candidates)} probes could be the {board}: {shown}.", hint=f"Name one of them in {SERIAL_KEY}."
    )


def sign(
    tool: Path, binary: Path, signed: Path, *, log: Path, limits: Limits, progress: Progress, header: str = "2.3"
) -> None:
    """Sign a first-stage image for STM32N6 without a key, as development boards take it.

    Raises:
        ZooError: When the tool fails or writes nothing.
    """
    signed.unlink(missing_ok=True)
    arguments: list[str | Path] = [tool, "-s", "-bin", binary, "-nk", "-t", "ssbl", "-hv", header, "-o", signed]
    execute(
        arguments,
        log,
        what=f"Signing {binary.name}",
        limit_s=limits.sign_s,
        poll_s=limits.poll_s,
        progress=progress,
    )
    if not signed.is_file() or signed.stat().st_size <= binary.stat().st_size:
        raise ZooError(
            f"STM32_SigningTool_CLI ended well but {signed} is missing or holds no signed image.",
            hint=f"All it printed: {log}",
        )
