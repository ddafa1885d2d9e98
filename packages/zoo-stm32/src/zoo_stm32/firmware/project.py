"""Own the folder that users take into their own project: sources, golden test, CMake files, instructions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo_stm32.artifacts import CNetwork, IoTensor, Placement
from zoo_stm32.boards import Board
from zoo_stm32.firmware.builder import strict_alignment
from zoo_stm32.firmware.cores import core_of
from zoo_stm32.firmware.golden import Golden, golden_sources
from zoo_stm32.firmware.placement import STACK_BYTES, place
from zoo_stm32.firmware.rendering import render
from zoo_stm32.firmware.script import linker_script
from zoo_stm32.firmware.sources import arena_bytes, interface_sources, network_sources, startup_source
from zoo_stm32.firmware.toolchain import machine_flags


def export(
    network: CNetwork,
    board: Board,
    folder: Path,
    golden: Golden,
    *,
    title: str = "Neural network",
    class_names: Sequence[str] = (),
    stack_bytes: int = STACK_BYTES,
) -> tuple[Path, ...]:
    """Write the network as a C99 project with its golden test and return the files.

    Raises:
        UserError: When the network does not fit the board, or the golden bytes do not fit the network.
    """
    placement = place(network, board, stack_bytes=stack_bytes)
    core = core_of(board, strict_alignment=strict_alignment(placement))
    script = f"{board.slug}.ld"
    files = network_sources(network) | interface_sources(network, class_names) | golden_sources(network, golden)
    files["main.c"] = render("main_example.c")
    files["startup.c"] = startup_source(core)
    files[script] = linker_script(board, placement, stack_bytes=stack_bytes)
    files["CMakeLists.txt"] = render("CMakeLists.txt", SCRIPT=script)
    files["arm-none-eabi.cmake"] = render("arm-none-eabi.cmake", BOARD=board.name, FLAGS=" ".join(machine_flags(core)))
    files["README.md"] = render(
        "README.md",
        TITLE=title,
        BOARD=board.name,
        GENERATOR=network.generator,
        TENSORS=_tensors(network),
        CLASSES=_classes(class_names),
        ARENA_BYTES=arena_bytes(network),
        STACK_BYTES=stack_bytes,
        SCRIPT=script,
        PLACES=_places(placement),
        EXTERNAL=_external(placement),
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in files)


def _tensors(network: CNetwork) -> str:
    rows = [_row(f"input {index}", tensor) for index, tensor in enumerate(network.inputs)]
    rows += [_row(f"output {index}", tensor) for index, tensor in enumerate(network.outputs)]
    return "\n".join(rows)


def _row(role: str, tensor: IoTensor) -> str:
    shape = " x ".join(str(size) for size in tensor.shape)
    scale, zero = (f"{tensor.scale:.9g}", str(tensor.zero_point)) if tensor.quantized else ("", "")
    return f"| {role} | {tensor.name} | {tensor.type} | {shape} | {scale} | {zero} | {tensor.bytes} |"


def _classes(names: Sequence[str]) -> str:
    return f"\nClasses, also in `zoo_class_names`: {', '.join(names)}.\n" if names else ""


def _places(placement: Placement) -> str:
    uses = (
        ("code", placement.code),
        ("weights", placement.weights),
        ("variables, stack", placement.data),
        ("arena", placement.arena),
    )
    return "\n".join(
        f"| {use} | {memory.name}{', external' if memory.external else ''} | {memory.origin:#010x} |"
        for use, memory in uses
    )


def _external(placement: Placement) -> str:
    used = (placement.code, placement.weights, placement.data, placement.arena)
    names = list(dict.fromkeys(memory.name for memory in used if memory.external))
    return f": here that is {' and '.join(names)}" if names else ""
