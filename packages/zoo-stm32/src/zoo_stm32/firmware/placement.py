"""Own the choice of the memory of a board that holds code, weights, variables and arena."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from zoo_core.errors import UserError
from zoo_stm32.artifacts import CNetwork, IoTensor, Placement
from zoo_stm32.boards import FLASH, KIB, RAM, Board, Memory
from zoo_stm32.firmware.cores import check_runs_firmware

STACK_BYTES = 8 * KIB
CODE_BYTES_ESTIMATE = 64 * KIB
VARIABLE_BYTES = KIB
"""Allowance for variables of library code."""
ALIGNMENT = 32
"""Alignment of the arena and of every buffer: one cache line of a Cortex-M7."""


def place(
    network: CNetwork,
    board: Board,
    *,
    stack_bytes: int = STACK_BYTES,
    code_bytes_estimate: int = CODE_BYTES_ESTIMATE,
) -> Placement:
    """Choose memories for a network on a board, internal ones first and as few different ones as possible.

    Raises:
        UserError: When the board runs no firmware, or its RAM, its flash, or both are too small.
    """
    check_runs_firmware(board)
    ram = _fit(board, RAM, _data_bytes(network, stack_bytes), network.plan.size)
    flash = _fit(board, FLASH, code_bytes_estimate, network.weight_bytes)
    if ram is None or flash is None:
        problems = [] if ram is not None else [_ram_problem(network, board, stack_bytes)]
        problems += [] if flash is not None else [_flash_problem(network, board, code_bytes_estimate)]
        raise UserError("\n".join(problems), hint=_cure(ram_fits=ram is not None, flash_fits=flash is not None))
    data, arena = ram
    code, weights = flash
    return Placement(code=code, weights=weights, data=data, arena=arena)


def io_bytes(network: CNetwork) -> int:
    """Return the bytes of the buffers of inputs and outputs with their alignment."""
    return sum(_aligned(tensor.bytes) for tensor in (*network.inputs, *network.outputs))


def _data_bytes(network: CNetwork, stack_bytes: int) -> int:
    return io_bytes(network) + _aligned(stack_bytes) + VARIABLE_BYTES


def _aligned(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT


def _fit(board: Board, kind: str, first: int, second: int) -> tuple[Memory, Memory] | None:
    """Return memories for two blocks: as few external ones as can be, the first block inside before the second."""
    for one, other in _pairs(board, kind):
        if one == other:
            fits = _aligned(first) + _aligned(second) <= one.size
        else:
            fits = _aligned(first) <= one.size and _aligned(second) <= other.size
        if fits:
            return one, other
    return None


def _pairs(board: Board, kind: str) -> Iterator[tuple[Memory, Memory]]:
    memories = (*board.of_kind(kind, external=False), *board.of_kind(kind, external=True))
    order = {memory: index for index, memory in enumerate(memories)}

    def cost(pair: tuple[Memory, Memory]) -> tuple[int, bool, bool, int, int]:
        one, other = pair
        return one.external + other.external, one.external, one != other, order[one], order[other]

    yield from sorted(product(memories, memories), key=cost)


def _ram_problem(network: CNetwork, board: Board, stack_bytes: int) -> str:
    plan = network.plan
    need = plan.size + _data_bytes(network, stack_bytes)
    text = f"The network needs {_kib(plan.size)} of activation memory"
    text += f" ({_kib(need)} of RAM with stack, inputs and outputs), {board.name} has {_sizes(board, RAM)}"
    known = [name for name in plan.peak_tensors if name in plan.sizes]
    if known:
        return f"{text}: the peak is tensor {known[0]} ({_kib(plan.sizes[known[0]])}) at layer {plan.peak_layer}."
    largest = max((*network.inputs, *network.outputs), key=_tensor_bytes)
    return f"{text}: the largest tensor is {largest.name} ({_kib(largest.bytes)})."


def _flash_problem(network: CNetwork, board: Board, code_bytes: int) -> str:
    text = f"The network needs {_kib(network.weight_bytes + code_bytes)} of flash"
    text += f" ({_kib(network.weight_bytes)} of weights, about {_kib(code_bytes)} of code)"
    text += f", {board.name} has {_sizes(board, FLASH)}"
    if not network.layers:
        return f"{text}."
    heaviest = max(network.layers, key=lambda layer: layer.weight_bytes)
    return f"{text}: the layer with most weights is {heaviest.name} ({_kib(heaviest.weight_bytes)})."


def _tensor_bytes(tensor: IoTensor) -> int:
    return tensor.bytes


def _sizes(board: Board, kind: str) -> str:
    """Return what a board has of a kind of memory; several ranges are listed, as no block may span two of them."""
    parts = [_ranges(board.of_kind(kind, external=False), "internal")]
    parts.append(_ranges(board.of_kind(kind, external=True), "external"))
    return " and ".join(part for part in parts if part) or "none"


def _ranges(memories: tuple[Memory, ...], where: str) -> str:
    if not memories:
        return "" if where == "internal" else "no external"
    total = f"{_kib(sum(memory.size for memory in memories))} {where}"
    if len(memories) == 1:
        return total
    return f"{total} (" + " + ".join(f"{memory.size // KIB}" for memory in memories) + ")"


def _kib(count: int) -> str:
    return f"{-(-count // KIB)} KiB"


def _cure(*, ram_fits: bool, flash_fits: bool) -> str:
    cures = [] if ram_fits else ["a smaller input resolution"]
    cures += [] if flash_fits else ["a narrower model"]
    return f"Take {', '.join(cures)}, or a board with more memory."
