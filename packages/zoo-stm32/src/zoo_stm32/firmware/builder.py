"""Own building firmware: sources and linker script into an ELF file, once per content."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo_core.data.download import cache_dir
from zoo_core.errors import UserError
from zoo_core.protocols import Progress
from zoo_stm32.artifacts import CNetwork, FirmwareImage, Placement
from zoo_stm32.boards import Board
from zoo_stm32.firmware.cores import DEVICE_MEMORY, Core, core_of
from zoo_stm32.firmware.elf import read_sizes, write_map
from zoo_stm32.firmware.placement import CODE_BYTES_ESTIMATE, STACK_BYTES, place
from zoo_stm32.firmware.process import ToolError
from zoo_stm32.firmware.rendering import render
from zoo_stm32.firmware.script import linker_script
from zoo_stm32.firmware.sources import (
    EMULATOR,
    application_source,
    interface_sources,
    network_sources,
    startup_source,
)
from zoo_stm32.firmware.toolchain import Toolchain

ELF, MAP, LOG = "firmware.elf", "firmware.map", "build.log"
_OVERFLOW = re.compile(r"region [`']?([A-Z0-9_]+)'?[:\s]+overflowed by (\d+) bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Hold all that decides what a build gives."""

    board: Board
    core: Core
    placement: Placement
    files: Mapping[str, str]
    script: str
    """Name of the linker script among the files."""

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(name for name in self.files if name.endswith(".c"))

    def key(self, toolchain: Toolchain) -> str:
        """Return the hash of sources, linker script, flags and compiler."""
        parts = [dict(self.files), toolchain.flags(self.core), toolchain.description]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def build(
    network: CNetwork,
    board: Board,
    folder: Path,
    *,
    toolchain: Toolchain,
    progress: Progress,
    application: str = EMULATOR,
    stack_bytes: int = STACK_BYTES,
) -> FirmwareImage:
    """Write the sources of a firmware into a folder and compile them to `firmware.elf` and `firmware.map` there.

    What was built before from the same sources with the same compiler is taken from the cache.

    Raises:
        UserError: When the network does not fit the board.
        ToolError: When the compiler or the linker fails; the whole log is `build.log` in the folder.
    """
    placement = place(network, board, stack_bytes=stack_bytes)
    files = network_sources(network) | interface_sources(network)
    files["main.c"] = application_source(network, application)
    plan = _plan(files, board, placement, toolchain, stack_bytes=stack_bytes)
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in plan.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    entry = _obtain(plan, folder / LOG, toolchain, progress)
    for name in (ELF, MAP, LOG):
        shutil.copyfile(entry / name, folder / name)
    return FirmwareImage(
        elf=folder / ELF,
        map=folder / MAP,
        board=board,
        placement=placement,
        sizes=read_sizes(folder / ELF),
        inputs=network.inputs,
        outputs=network.outputs,
        functions=tuple(layer.function for layer in network.layers),
        compiler=toolchain.description,
    )


def strict_alignment(placement: Placement) -> bool:
    """Tell whether tensors or variables lie in memory that takes no unaligned access after a reset."""
    return any(memory.origin in DEVICE_MEMORY for memory in (placement.arena, placement.data))


def _plan(
    sources: Mapping[str, str], board: Board, placement: Placement, toolchain: Toolchain, *, stack_bytes: int
) -> _Plan:
    core = core_of(board, strict_alignment=strict_alignment(placement))
    script = f"{board.slug}.ld"
    files = {**sources, "startup.c": startup_source(core)}
    if toolchain.needs_math_source:
        files["zoo_math.c"] = render("zoo_math.c")
    files[script] = linker_script(board, placement, stack_bytes=stack_bytes)
    return _Plan(board=board, core=core, placement=placement, files=files, script=script)


def _obtain(plan: _Plan, log: Path, toolchain: Toolchain, progress: Progress) -> Path:
    """Return the folder of the cache with the build; what is larger than code may be is built again, more compact."""
    compact = toolchain.compact()
    try:
        entry = _build_once(plan, log, toolchain, progress)
    except UserError:
        if compact == toolchain:
            raise
        return _build_once(plan, log, compact, progress)
    fits = read_sizes(entry / ELF).code <= CODE_BYTES_ESTIMATE
    return entry if fits or compact == toolchain else _build_once(plan, log, compact, progress)


def _build_once(plan: _Plan, log: Path, toolchain: Toolchain, progress: Progress) -> Path:
    entry = cache_dir() / "firmware" / plan.key(toolchain)
    if not entry.is_dir():
        _build_entry(plan, entry, log, toolchain, progress)
    return entry


def _build_entry(plan: _Plan, entry: Path, log: Path, toolchain: Toolchain, progress: Progress) -> None:
    """Compile in a folder of its own and move what came out to its place in one step."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=".building-") as name:
        work, finished = Path(name), Path(name) / "finished"
        finished.mkdir()
        for file, text in plan.files.items():
            (work / file).write_text(text, encoding="utf-8")
        _compile(plan, work, log, toolchain, progress)
        shutil.copyfile(work / ELF, finished / ELF)
        write_map(finished / ELF, plan.board, finished / MAP)
        shutil.copyfile(log, finished / LOG)
        _publish(finished, entry)


def _compile(plan: _Plan, work: Path, log: Path, toolchain: Toolchain, progress: Progress) -> None:
    log.touch()
    with progress.track(f"Building firmware for {plan.board.name}", len(plan.sources) + 1) as bar:
        objects = []
        for source in plan.sources:
            objects.append(toolchain.compile(source, plan.core, folder=work, log=log))
            bar.advance()
        try:
            toolchain.link(objects, ELF, plan.script, plan.core, folder=work, log=log)
        except ToolError as error:
            _refuse_overflow(error, plan.board, log)
            raise
        bar.advance()


def _refuse_overflow(error: ToolError, board: Board, log: Path) -> None:
    found = _OVERFLOW.search(error.output)
    if found:
        raise UserError(
            f"The firmware does not fit {board.name}: its memory {found[1]} is {found[2]} bytes too small.",
            hint=f"Take a smaller model or a board with more memory. The linker's whole output is in {log}.",
        ) from error


def _publish(finished: Path, entry: Path) -> None:
    """Move a finished entry to its place, where another process may have put the same one meanwhile."""
    try:
        finished.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise
