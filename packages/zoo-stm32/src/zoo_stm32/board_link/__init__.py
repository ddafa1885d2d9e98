"""Own computing on a connected board through ST's validation firmware, and on this computer through ST's runtime."""

from __future__ import annotations

from zoo_stm32.board_link.host import HostLink
from zoo_stm32.board_link.link import BoardLink
from zoo_stm32.board_link.loader import load_firmware
from zoo_stm32.board_link.port import SerialPort, list_ports, open_port
from zoo_stm32.board_link.session import BoardSession, Expected

__all__ = [
    "BoardLink",
    "BoardSession",
    "Expected",
    "HostLink",
    "SerialPort",
    "list_ports",
    "load_firmware",
    "open_port",
]
