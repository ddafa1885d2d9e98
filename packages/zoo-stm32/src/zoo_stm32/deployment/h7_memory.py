"""Own which weights and activations of an STM32H7 network go outside of the chip, all of it in bytes.

After the large-model handling of ST's model zoo services: weights are split into arrays, the largest goes first, into
internal flash while it has room and to the external flash after that. 1 KiB is 1024 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoo_core.errors import UserError
from zoo_stm32.boards import KIB, Board
from zoo_stm32.reports import ToolReport

INTERNAL_SECTION = ".InternalFlashSection"
EXTERNAL_SECTION = ".ExternalFlashSection"
DEFAULT_APPLICATION_BYTES = 256 * KIB
"""Flash set aside for the application when neither the job nor the project says how large it is."""
ALIGNMENT = 32
ELEMENT_BYTES = {
    "ai_u64": 8,
    "ai_i64": 8,
    "uint64_t": 8,
    "ai_u32": 4,
    "ai_i32": 4,
    "uint32_t": 4,
    "ai_float": 4,
    "float": 4,
    "ai_u16": 2,
    "uint16_t": 2,
    "ai_u8": 1,
    "ai_i8": 1,
    "uint8_t": 1,
    "int8_t": 1,
}
_TYPES = "|".join(sorted(ELEMENT_BYTES, key=len, reverse=True))
DEFINITION = re.compile(
    rf'^(?P<before>(?:static\s+)?const\s+)(?P<placed>__attribute__\(\(section\("[^"]*"\)\)\)\s+)?'
    rf"(?P<type>{_TYPES})\s+(?P<name>\w+)\s*\[\s*(?P<count>\d+)\s*\](?=[^;={{]*=)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryNeed:
    """Say what of a network leaves the chip; sizes in bytes."""

    split_weights: bool
    external_ram: bool
    internal_flash: int
    """Internal flash that is free for weights."""
    external_flash: int
    internal_ram: int


@dataclass(frozen=True, slots=True)
class WeightArray:
    """Name an array of weights and its bytes."""

    name: str
    size: int


def find_need(report: ToolReport, board: Board, application_bytes: int | None) -> MemoryNeed:
    """Compare a footprint with the memories of a board.

    Raises:
        UserError: When the network does not fit into internal and external memory together.
    """
    application = DEFAULT_APPLICATION_BYTES if application_bytes is None else application_bytes
    free = max(0, board.total("flash", external=False) - application)
    outside = board.total("flash", external=True)
    ram = max((memory.size for memory in board.of_kind("ram", external=False)), default=0)
    ram_outside = board.total("ram", external=True)
    weights, activations = report.weights or 0, report.activations or 0
    problems = []
    if weights > free + outside:
        problems.append(
            f"weights: {weights:,} bytes, and {board.name} has {free:,} in its flash beside the application "
            f"({application:,}) and {outside:,} in external flash"
        )
    if activations > ram + ram_outside:
        problems.append(f"activations: {activations:,} bytes, and {board.name} has {ram:,} + {ram_outside:,} external")
    if problems:
        raise UserError(
            "\n".join(["The network is too large for the board:", *(f"  {line}" for line in problems)]),
            hint="Take a smaller model or input size, or another board.",
        )
    return MemoryNeed(
        split_weights=weights > free,
        external_ram=activations > ram,
        internal_flash=free,
        external_flash=outside,
        internal_ram=ram,
    )


def weight_arrays(source: str) -> tuple[WeightArray, ...]:
    """Return the constant arrays that a C file defines, in its order."""
    return tuple(
        WeightArray(match["name"], int(match["count"]) * ELEMENT_BYTES[match["type"]])
        for match in DEFINITION.finditer(source)
    )


def assign_sections(arrays: Sequence[WeightArray], internal: int, external: int) -> dict[str, str]:
    """Return name -> section: the largest array first, into internal flash while it fits there.

    Args:
        arrays: Arrays of weights.
        internal: Bytes free in internal flash.
        external: Bytes of external flash.

    Raises:
        UserError: When an array fits nowhere.
    """
    room = {INTERNAL_SECTION: internal, EXTERNAL_SECTION: external}
    sections: dict[str, str] = {}
    for array in sorted(arrays, key=lambda one: (-one.size, one.name)):
        size = -(-array.size // ALIGNMENT) * ALIGNMENT
        section = next((name for name, free in room.items() if size <= free), None)
        if section is None:
            left = ", ".join(f"{free:,} bytes in {name}" for name, free in room.items())
            raise UserError(f"The weights {array.name} of {array.size:,} bytes fit nowhere; left are {left}.")
        room[section] -= size
        sections[array.name] = section
    return sections


def place_in_sections(source: str, sections: Mapping[str, str]) -> str:
    """Return a C file whose arrays carry the attribute of their section; doing it twice changes nothing more."""

    def attribute(match: re.Match[str]) -> str:
        section = sections.get(match["name"])
        if section is None:
            return match[0]
        return (
            f'{match["before"]}__attribute__((section("{section}"))) {match["type"]} {match["name"]}[{match["count"]}]'
        )

    return DEFINITION.sub(attribute, source)


def memory_header(
    report: ToolReport, need: MemoryNeed, sections: Mapping[str, str], size: tuple[int, int], largest: tuple[int, int]
) -> str:
    """Return `ai_memory_config.h`: where buffers go and which camera picture is large enough.

    Args:
        report: Footprint of the network.
        need: What leaves the chip.
        sections: Array -> section; empty where the weights were not split.
        size: (width, height) of the network's input, in pixels.
        largest: (width, height) of the largest camera picture of the board.

    Raises:
        UserError: When the input is larger than every camera picture of the board.
    """
    name, width, height = _camera(size, largest)
    pool = "SDRAM" if need.external_ram else "AXIRAM"
    lines = [
        "/* Made by zoo; changes are lost with the next deployment. Sizes in bytes. */",
        "#ifndef AI_MEMORY_CONFIG_H",
        "#define AI_MEMORY_CONFIG_H",
        "",
        f"#define AI_WEIGHTS_SPLIT ({int(need.split_weights)})",
        f"#define AI_WEIGHTS_BYTES ({report.weights or 0})",
        f"#define AI_WEIGHTS_EXTERNAL_ARRAYS ({sum(value == EXTERNAL_SECTION for value in sections.values())})",
        f"#define AI_ACTIVATIONS_BYTES ({report.activations or 0})",
        f"#define AI_ACTIVATIONS_IN_EXTERNAL_RAM ({int(need.external_ram)})",
        f'#define AI_ACTIVATIONS_SECTION ".NN_Activation_Buffer_{pool}"',
        "",
        f"#define CAMERA_RESOLUTION {name}",
        f"#define CAM_RES_WIDTH ({width})",
        f"#define CAM_RES_HEIGHT ({height})",
        "",
        "#endif /* AI_MEMORY_CONFIG_H */",
    ]
    return "\n".join(lines) + "\n"


CAMERAS = (("CAMERA_R320x240", 320, 240), ("CAMERA_R640x480", 640, 480))


def _camera(size: tuple[int, int], largest: tuple[int, int]) -> tuple[str, int, int]:
    """Return the smallest camera picture that holds the network's input: QVGA, else VGA."""
    for name, width, height in CAMERAS:
        fits_board = width <= largest[0] and height <= largest[1]
        if fits_board and size[0] <= width and size[1] <= height:
            return name, width, height
    raise UserError(
        f"The network's input of {size[0]} x {size[1]} pixels is larger than the largest camera picture of the board, "
        f"{largest[0]} x {largest[1]}.",
        hint="Take a smaller model.input_shape, or another board.",
    )
