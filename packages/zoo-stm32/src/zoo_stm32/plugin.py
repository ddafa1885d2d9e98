"""Own the hooks of zoo-stm32: one target for each board, the emulator alone, and ST's runtimes."""

from __future__ import annotations

from collections.abc import Iterator

from zoo_core import LazyRef, TargetSpec, hookimpl
from zoo_core.artifacts import QuantizedOnnx
from zoo_core.specs import BENCHMARK, DEPLOY, INFER
from zoo_stm32.boards import FLASH, RAM, Board, load_boards
from zoo_stm32.limits import CORTEX_M, CORTEX_M_NPU, EMULATED, limits_of

zoo_api = 1

SECTIONS = {
    "tools": "zoo_stm32.config:Stm32ToolsSection",
    "benchmarking": "zoo_stm32.config:Stm32BenchmarkingSection",
    "deployment": "zoo_stm32.config:Stm32DeploymentSection",
}
EXAMINE = "zoo_stm32.examination:examine"
RUNTIMES = {
    "stedgeai_host": "ST's runtime on this computer; needs ST Edge AI Core.",
    "stedgeai_n6": "A connected STM32N6 board with ST's validation firmware; needs ST Edge AI Core.",
    "stedgeai_h7p": "A connected STM32H7 board with ST's validation firmware; needs ST Edge AI Core.",
}


@hookimpl
def zoo_targets() -> Iterator[TargetSpec]:
    """Declare the boards by their names, the emulator and ST's runtimes."""
    for board in load_boards():
        yield board_target(board, f"zoo_stm32.targets:{board.slug}")
    yield TargetSpec(
        name="emulator",
        summary="Emulated Cortex-M of the board that is benchmarked or deployed to, else of the STM32H747I-DISCO.",
        build=LazyRef("zoo_stm32.targets:emulator"),
        abilities=frozenset({BENCHMARK, INFER}),
        accepts=(QuantizedOnnx,),
        sections={name: LazyRef(path) for name, path in SECTIONS.items()},
        quantization=EMULATED,
        examine=LazyRef(EXAMINE),
    )
    for name, summary in RUNTIMES.items():
        yield TargetSpec(
            name=name,
            summary=summary,
            build=LazyRef(f"zoo_stm32.targets:{name}"),
            abilities=frozenset({INFER}),
            accepts=(QuantizedOnnx,),
            sections={name: LazyRef(path) for name, path in SECTIONS.items()},
            quantization=CORTEX_M_NPU if name == "stedgeai_n6" else CORTEX_M,
            examine=LazyRef(EXAMINE),
        )


def board_target(board: Board, build: str) -> TargetSpec:
    """Return the target of a board, for plugins that bring their own.

    Args:
        board: The board.
        build: `package.module:attribute` of `functools.partial(zoo_stm32.targets.build, board)`.
    """
    return TargetSpec(
        name=board.slug,
        aliases=(board.name,),
        summary=_summary(board),
        build=LazyRef(build),
        abilities=frozenset({BENCHMARK, DEPLOY, INFER}),
        accepts=(QuantizedOnnx,),
        sections={name: LazyRef(path) for name, path in SECTIONS.items()},
        tags=frozenset({board.series}),
        properties=_properties(board),
        quantization=limits_of(board),
        examine=LazyRef(EXAMINE),
    )


def _summary(board: Board) -> str:
    npu = f" and {board.npu}" if board.npu else ""
    where = "emulated" if board.runs_firmware else "through ST's cloud"
    return f"{board.series}, {_core(board)} at {board.clock_hz / 1e6:.0f} MHz{npu}; {where}."


def _properties(board: Board) -> dict[str, str | int]:
    npu = {"npu": board.npu} if board.npu else {}
    return {
        "series": board.series,
        "core": _core(board),
        "clock_hz": board.clock_hz,
        "ram_bytes": board.total(RAM, external=False),
        "external_ram_bytes": board.total(RAM, external=True),
        "flash_bytes": board.total(FLASH, external=False),
        "external_flash_bytes": board.total(FLASH, external=True),
        **npu,
    }


def _core(board: Board) -> str:
    return board.core.replace("cortex-", "Cortex-").replace("-m", "-M").replace("-a", "-A")
