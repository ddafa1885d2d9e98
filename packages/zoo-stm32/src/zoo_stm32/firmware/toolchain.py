"""Own the C compilers that firmware can be built with: zig from its wheel, or GCC for Arm."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from zoo_core.data.download import cache_dir
from zoo_core.errors import MissingError, UserError
from zoo_stm32.firmware.cores import Core
from zoo_stm32.firmware.process import run_tool

ZIG = "zig"
GCC = "gcc"
GCC_COMMAND = "arm-none-eabi-gcc"
ENTRY = "Reset_Handler"
VERSION_TIMEOUT_SECONDS = 60
UNROLL_THRESHOLD = 75
"""Size up to which loops are unrolled; with clang's 150, MobileNetV2 has 1.6 times the code and 2 % less to execute."""

COMMON_FLAGS = (
    "-std=c99",
    "-O2",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-strict-aliasing",
    "-fno-exceptions",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
)
"""Flags of every compilation: floats are never fused, so that results are those of IEEE 754 float32."""

ZIG_FLAGS = ("-fhosted", "-fno-sanitize=undefined")
"""Flags of zig: functions of the C library may become instructions, which it forbids for targets without a system."""
UNROLLING = ("-mllvm", f"-unroll-threshold={UNROLL_THRESHOLD}")
NO_UNROLLING = ("-fno-unroll-loops",)
"""Gives about half the code; one and a half to three times as many instructions are executed."""


class Toolchain(Protocol):
    """Compile C sources and link them to an ELF file."""

    @property
    def needs_math_source(self) -> bool:
        """Tell whether the rounding and math functions have to be compiled from our own source."""
        ...

    @property
    def description(self) -> str:
        """Return name and version as the tool itself states them."""
        ...

    def flags(self, core: Core) -> tuple[str, ...]:
        """Return the flags that decide what code comes out, without paths."""
        ...

    def compact(self) -> Toolchain:
        """Return the variant that makes less code, which is slower; the same one when there is none."""
        ...

    def compile(self, source: str, core: Core, *, folder: Path, log: Path) -> str:
        """Compile a C file of the folder and return the name of the object file.

        Raises:
            ToolError: When the compiler refuses it.
        """
        ...

    def link(self, objects: Sequence[str], elf: str, script: str, core: Core, *, folder: Path, log: Path) -> None:
        """Link object files of the folder with a linker script.

        Raises:
            ToolError: When the linker refuses them.
        """
        ...


@dataclass(frozen=True)
class ZigToolchain:
    """Compile with clang as the `ziglang` wheel brings it, with musl's headers and zig's compiler-rt."""

    root: Path
    """Folder of the wheel."""
    needs_math_source: bool = True
    unrolls: bool = True

    @cached_property
    def description(self) -> str:
        """Return name and version as the tool itself states them."""
        version = _first_line([self._executable, "version"], self._environment)
        clang = _first_line([self._executable, "cc", "--version"], self._environment)
        return f"zig {version} ({clang})"

    def flags(self, core: Core) -> tuple[str, ...]:
        """Return the flags that decide what code comes out, without paths."""
        return (*COMMON_FLAGS, *ZIG_FLAGS, *(UNROLLING if self.unrolls else NO_UNROLLING), *self._machine(core))

    def compact(self) -> ZigToolchain:
        """Return the variant that unrolls no loops."""
        return replace(self, unrolls=False)

    def compile(self, source: str, core: Core, *, folder: Path, log: Path) -> str:
        """Compile a C file of the folder and return the name of the object file."""
        built = f"{Path(source).stem}.o"
        includes = [part for include in self._includes() for part in ("-isystem", str(include))]
        command = [self._executable, "cc", *self.flags(core), *includes, "-c", source, "-o", built]
        run_tool(command, what=f"zig cc on {source}", folder=folder, log=log, environment=self._environment)
        return built

    def link(self, objects: Sequence[str], elf: str, script: str, core: Core, *, folder: Path, log: Path) -> None:
        """Link object files of the folder with a linker script."""
        command = [self._executable, "cc", *self._machine(core), "-O2", "-Wl,--gc-sections", f"-Wl,-e,{ENTRY}"]
        command += ["-T", script, *objects, "-o", elf]
        run_tool(command, what="The linker of zig", folder=folder, log=log, environment=self._environment)

    def _machine(self, core: Core) -> tuple[str, ...]:
        units = {"fpv4-sp-d16": "+vfp4d16sp", "fpv5-sp-d16": "+fp_armv8d16sp", "fpv5-d16": "+fp_armv8d16", "": ""}
        cpu = core.name.replace("-", "_") + units[core.fpu] + ("+strict_align" if core.strict_alignment else "")
        return "-target", f"thumb-freestanding-{'eabihf' if core.fpu else 'eabi'}", f"-mcpu={cpu}"

    def _includes(self) -> tuple[Path, ...]:
        libc = self.root / "lib" / "libc"
        headers = libc / "include"
        return (
            headers / "generic-musl",
            headers / "arm-linux-musl",
            libc / "musl" / "include",
            headers / "any-linux-any",
        )

    @cached_property
    def _executable(self) -> str:
        return str(self.root / ("zig.exe" if os.name == "nt" else "zig"))

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        cache = str(cache_dir() / "zig")
        return {**os.environ, "ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}


@dataclass(frozen=True)
class GccToolchain:
    """Compile with GCC for Arm and its newlib."""

    executable: str
    needs_math_source: bool = False

    @cached_property
    def description(self) -> str:
        """Return name and version as the tool itself states them."""
        return _first_line([self.executable, "--version"], None)

    def flags(self, core: Core) -> tuple[str, ...]:
        """Return the flags that decide what code comes out, without paths."""
        return *COMMON_FLAGS, *machine_flags(core)

    def compact(self) -> GccToolchain:
        """Return this one, which unrolls no loops."""
        return self

    def compile(self, source: str, core: Core, *, folder: Path, log: Path) -> str:
        """Compile a C file of the folder and return the name of the object file."""
        built = f"{Path(source).stem}.o"
        command = [self.executable, *self.flags(core), "-c", source, "-o", built]
        run_tool(command, what=f"{GCC_COMMAND} on {source}", folder=folder, log=log)
        return built

    def link(self, objects: Sequence[str], elf: str, script: str, core: Core, *, folder: Path, log: Path) -> None:
        """Link object files of the folder with a linker script."""
        command = [self.executable, *machine_flags(core), "-O2", "-nostartfiles", "--specs=nano.specs"]
        command += ["--specs=nosys.specs", "-Wl,--gc-sections", "-T", script, *objects, "-lm", "-o", elf]
        run_tool(command, what=f"The linker of {GCC_COMMAND}", folder=folder, log=log)


def machine_flags(core: Core) -> tuple[str, ...]:
    """Return the flags by which GCC is told the core."""
    floats = ("-mfloat-abi=hard", f"-mfpu={core.fpu}") if core.fpu else ("-mfloat-abi=soft",)
    alignment = ("-mno-unaligned-access",) if core.strict_alignment else ()
    return "-mthumb", f"-mcpu={core.name}", *floats, *alignment


def find_toolchain(name: str = ZIG) -> Toolchain:
    """Return a compiler of this machine: `zig` or `gcc`.

    Raises:
        UserError: When the name is another one.
        MissingError: When it is not installed; the message says how to get it.
    """
    if name == ZIG:
        return _find_zig()
    if name == GCC:
        return _find_gcc()
    raise UserError(f"There is no toolchain '{name}'.", hint=f"Toolchains: {ZIG}, {GCC}.")


def _find_zig() -> ZigToolchain:
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise MissingError("The C compiler zig is not installed.", hint="Install it: pip install ziglang")
    return ZigToolchain(Path(spec.origin).parent)


def _find_gcc() -> GccToolchain:
    found = shutil.which(GCC_COMMAND)
    if found is None:
        raise MissingError(
            f"{GCC_COMMAND} is not on the PATH.",
            hint="Install Arm GNU Toolchain (Debian and Ubuntu: gcc-arm-none-eabi with libnewlib-arm-none-eabi), "
            f"or build with the toolchain {ZIG}, which needs nothing else.",
        )
    return GccToolchain(found)


def _first_line(command: Sequence[str], environment: Mapping[str, str] | None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a list, with no shell in between
            list(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingError(f"{command[0]} does not run: {error}.", hint="Install it again.") from error
    return next(iter(done.stdout.splitlines()), "").strip()
