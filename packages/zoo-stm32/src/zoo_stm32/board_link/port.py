"""Own the serial port that a board is reached by: a small protocol, and pyserial behind it."""

from __future__ import annotations

import re
from typing import Protocol

from zoo_core.errors import MissingError, UserError

DEFAULT_BAUD = 921600
DESCRIPTOR = re.compile(r"serial(?::(?P<device>[^:]*[^:\d][^:]*))?(?::(?P<baud>\d+))?")
ST_VENDOR = 0x0483


class SerialPort(Protocol):
    """Send and take bytes."""

    @property
    def name(self) -> str:
        """Return the name by which the user knows the port."""
        ...

    def read(self, size: int, timeout_s: float) -> bytes:
        """Return up to `size` bytes; none when nothing came in time.

        Raises:
            OSError: When the port is gone.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            OSError: When the port is gone.
        """
        ...

    def flush_input(self) -> None:
        """Forget what came and was not read."""
        ...

    def close(self) -> None:
        """Let the port go."""
        ...


def parse_descriptor(text: str) -> tuple[str | None, int]:
    """Return device and speed of `serial`, `serial:921600`, `serial:/dev/ttyACM0` or `serial:COM3:115200`.

    Raises:
        UserError: When the text is none of these.
    """
    match = DESCRIPTOR.fullmatch(text.strip())
    if match is None:
        raise UserError(f"{text!r} names no serial port; expected serial, serial:SPEED or serial:DEVICE:SPEED.")
    return match["device"], int(match["baud"] or DEFAULT_BAUD)


def list_ports() -> tuple[tuple[str, str], ...]:
    """Return (device, description) of the serial ports of ST-LINK probes, then of all others.

    Raises:
        MissingError: When pyserial is absent.
    """
    tools = _serial().tools.list_ports
    found = sorted(tools.comports(), key=lambda port: (port.vid != ST_VENDOR, port.device))
    return tuple((str(port.device), str(port.description)) for port in found)


def open_port(descriptor: str = "serial") -> SerialPort:
    """Open the port that a descriptor names; without a device the one of the only ST-LINK probe.

    Raises:
        MissingError: When pyserial is absent, or no probe is connected.
        UserError: When several ports could be meant, or the port cannot be opened.
    """
    serial = _serial()
    device, baud = parse_descriptor(descriptor)
    if device is None:
        device = _only_probe(serial)
    try:
        return PySerialPort(serial.Serial(device, baud, timeout=0), device)
    except (OSError, ValueError) as error:
        raise UserError(
            f"The serial port {device} cannot be opened: {error}.",
            hint="Close other programs that use it; on Linux your user must be in the group dialout.",
        ) from error


class PySerialPort:
    """Send and take bytes through pyserial."""

    def __init__(self, serial: _Opened, name: str) -> None:
        self._serial = serial
        self.name = name

    def read(self, size: int, timeout_s: float) -> bytes:
        """Return up to `size` bytes; none when nothing came in time."""
        self._serial.timeout = timeout_s
        first = self._serial.read(1)
        if not first or size == 1:
            return bytes(first)
        self._serial.timeout = 0
        return bytes(first + self._serial.read(size - 1))

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._serial.write(data)
        self._serial.flush()

    def flush_input(self) -> None:
        """Forget what came and was not read."""
        self._serial.reset_input_buffer()

    def close(self) -> None:
        """Let the port go."""
        self._serial.close()


class _Opened(Protocol):
    timeout: float

    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int: ...
    def flush(self) -> None: ...
    def reset_input_buffer(self) -> None: ...
    def close(self) -> None: ...


def _serial() -> _Library:
    import importlib

    try:
        importlib.import_module("serial.tools.list_ports")
        library: _Library = importlib.import_module("serial")
    except ImportError as error:
        raise MissingError(
            "Boards are reached through pyserial, which is not installed.", hint='pip install "zoo-stm32[board]"'
        ) from error
    return library


class _Port(Protocol):
    device: str
    description: str
    vid: int | None


class _Ports(Protocol):
    def comports(self) -> list[_Port]: ...


class _Tools(Protocol):
    list_ports: _Ports


class _Library(Protocol):
    tools: _Tools

    def Serial(self, device: str, baud: int, timeout: float) -> _Opened: ...  # noqa: N802 - pyserial's name


def _only_probe(serial: _Library) -> str:
    found = [port for port in serial.tools.list_ports.comports() if port.vid == ST_VENDOR]
    if not found:
        raise MissingError(
            "No serial port of an ST-LINK probe was found.", hint="Connect the board by its ST-LINK USB port."
        )
    if len(found) > 1:
        names = ", ".join(str(port.device) for port in found)
        raise UserError(
            f"{len(found)} ST-LINK probes are connected: {names}.", hint="Name one, such as serial:/dev/ttyACM0:921600."
        )
    return str(found[0].device)
