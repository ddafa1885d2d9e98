"""Own what zoo-stm32 adds to the configuration: who measures, how firmware is built, steps of a deployment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zoo_core.config.section import Section
from zoo_core.config.sections import BenchmarkingSection, DeploymentSection, ToolsSection


class FirmwareSection(Section):
    """Choose what builds and runs firmware without a board."""

    compiler: Literal["zig", "gcc"] = "zig"
    """`zig` comes with zoo-stm32; `gcc` is the `arm-none-eabi-gcc` on the PATH."""
    emulator: Literal["unicorn", "qemu"] = "unicorn"
    """`unicorn` comes with zoo-stm32 and counts instructions; `qemu` is the `qemu-system-arm` on the PATH."""
    stack_kib: Annotated[int, Field(ge=2, le=256)] = 16
    """Memory reserved for the stack, in KiB; the report says how much of it was used."""


class Stm32ToolsSection(ToolsSection):
    """Locate vendor tools, and choose what takes their place."""

    firmware: FirmwareSection = FirmwareSection()


class Stm32BenchmarkingSection(BenchmarkingSection):
    """Choose the board that is measured and who measures it."""

    engine: Literal["auto", "cloud", "local", "emulator"] = "auto"
    """`auto` takes the one of ST's tools that `tools.stedgeai` names, and the emulator when it names none."""


class Stm32DeploymentSection(DeploymentSection):
    """Say which C project is built and for which hardware."""

    steps: tuple[str, ...] | None = None
    """Steps to run alone, such as `[build, flash]`; all that are left when absent."""
