"""Own firmware: from C sources of a network to an ELF file for a board, and to a project for users."""

from __future__ import annotations

from zoo_stm32.firmware.builder import build
from zoo_stm32.firmware.golden import Golden
from zoo_stm32.firmware.placement import place
from zoo_stm32.firmware.process import ToolError
from zoo_stm32.firmware.project import export
from zoo_stm32.firmware.toolchain import GccToolchain, Toolchain, ZigToolchain, find_toolchain

__all__ = [
    "GccToolchain",
    "Golden",
    "ToolError",
    "Toolchain",
    "ZigToolchain",
    "build",
    "export",
    "find_toolchain",
    "place",
]
