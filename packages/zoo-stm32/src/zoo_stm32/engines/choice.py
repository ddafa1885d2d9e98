"""Own the choice of an engine: the one that is named, else the one whose tool is named, else the emulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zoo_stm32.config import FirmwareSection, Stm32BenchmarkingSection, Stm32ToolsSection

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig, StedgeaiSection
    from zoo_stm32.boards import Board

Name = Literal["cloud", "local", "emulator"]
CLOUD: Name = "cloud"
LOCAL: Name = "local"
EMULATOR: Name = "emulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Hold the chosen engine, why it was chosen, and what its tool is told."""

    engine: Name
    reason: str
    firmware: FirmwareSection = field(default_factory=FirmwareSection)
    optimization: Literal["balanced", "time", "ram"] = "balanced"
    version: str | None = None
    tool: Path | None = None
    cube_ide: Path | None = None


def choose(config: RunConfig, board: Board) -> Choice:
    """Choose the engine for a board; the same configuration always gives the same."""
    tools = config.tools
    stedgeai = None if tools is None else tools.stedgeai
    section = config.benchmarking
    named = section.engine if isinstance(section, Stm32BenchmarkingSection) else "auto"
    engine, reason = (named, f"benchmarking.engine is {named}") if named != "auto" else _automatic(stedgeai, board)
    return Choice(
        engine=engine,
        reason=reason,
        firmware=tools.firmware if isinstance(tools, Stm32ToolsSection) else FirmwareSection(),
        optimization="balanced" if stedgeai is None else stedgeai.optimization,
        version=None if stedgeai is None else stedgeai.version,
        tool=None if stedgeai is None else stedgeai.path_to_stedgeai,
        cube_ide=None if tools is None else tools.path_to_cubeIDE,
    )


def _automatic(stedgeai: StedgeaiSection | None, board: Board) -> tuple[Name, str]:
    if stedgeai is not None and stedgeai.on_cloud:
        return CLOUD, "tools.stedgeai.on_cloud is True"
    if not board.runs_firmware:
        return CLOUD, f"{board.name} has an application processor, which only ST's cloud can measure"
    if stedgeai is not None and stedgeai.path_to_stedgeai is not None:
        return LOCAL, "tools.stedgeai.path_to_stedgeai names the tool"
    return EMULATOR, "tools.stedgeai names no tool of ST"
