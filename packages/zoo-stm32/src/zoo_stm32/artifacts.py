"""Own the types that the steps from a graph to running firmware hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from zoo_stm32.boards import Board, Memory

ITEM_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "int64": 8,
}
"""Size of one element by NumPy's name of its type, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IoTensor:
    """Describe an input or output of a network: real value = (stored value - zero_point) * scale."""

    name: str
    type: str
    """NumPy's name of the element type, such as `int8` or `float32`."""
    shape: tuple[int, ...]
    """Shape with the batch axis, which is 1."""
    scale: float = 1.0
    zero_point: int = 0

    @property
    def bytes(self) -> int:
        """Return the size in bytes."""
        return prod(self.shape) * ITEM_BYTES[self.type]

    @property
    def quantized(self) -> bool:
        """Tell whether the stored values are integers that stand for real numbers."""
        return self.type not in ("float32", "bool")

    def quantize(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return real values as they are stored, computed as ONNX's QuantizeLinear does: float32, half to even."""
        import numpy as np

        if not self.quantized:
            return np.ascontiguousarray(values, dtype=self.type)
        limits = np.iinfo(self.type)
        steps = np.rint(np.asarray(values, np.float32) / np.float32(self.scale)) + np.float32(self.zero_point)
        stored: npt.NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(self.type)
        return stored

    def dequantize(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return stored values as real numbers, float32, computed as ONNX's DequantizeLinear does."""
        import numpy as np

        if not self.quantized:
            return np.asarray(values, np.float32)
        steps = np.asarray(values).astype(np.int32) - np.int32(self.zero_point)
        return steps.astype(np.float32) * np.float32(self.scale)


@dataclass(frozen=True, slots=True)
class Island:
    """Name a node that stays in floating point and say why."""

    node: str
    op_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredModel:
    """Hold the graph in integer operators, with shape and type of every tensor known."""

    model: onnx.ModelProto
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
    islands: tuple[Island, ...]
    origins: Mapping[str, str]
    """Tensor of the QDQ graph that each tensor of the lowered graph equals, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Describe one node of the network as it was turned into a C function."""

    index: int
    name: str
    op_type: str
    function: str
    """C function, which is a symbol of the ELF file."""
    inputs: tuple[str, ...]
    """Activation tensors that it reads; weights are not among them."""
    outputs: tuple[str, ...]
    macs: int
    """Multiplications with accumulation; 0 for layers that have none."""
    weight_bytes: int
    """Bytes of constants that only belong to this layer or that it uses first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaPlan:
    """State where each activation tensor lies in the one arena."""

    offsets: Mapping[str, int]
    """Offset in bytes by tensor; inputs and outputs of the network are not in the arena."""
    sizes: Mapping[str, int]
    size: int
    lower_bound: int
    """Bytes of the largest set of tensors that are alive at once; no plan can need less."""
    peak_layer: str
    """Layer while which that set is alive."""
    peak_tensors: tuple[str, ...]
    """Members of that set, the largest first."""
    live: tuple[int, ...] = ()
    """Bytes that are alive at each step, in the order of the layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CNetwork:
    """Hold a network as C99 sources without heap: `network.h`, `network.c` and `network_data.c`.

    `network.h` declares `void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena)`.
    """

    header: str
    source: str
    data_source: str
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
    layers: tuple[Layer, ...]
    plan: ArenaPlan
    weight_bytes: int
    """Bytes of all constants of `network_data.c`."""
    generator: str
    """Name and version of the tool that wrote the kernels."""
    constant_bytes: int = 0
    """Part of `weight_bytes` that biases, scales and tables take; the rest are weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """State which memory of the board holds what."""

    code: Memory
    weights: Memory
    data: Memory
    """Variables, stack, and the buffers of inputs and outputs."""
    arena: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Count the bytes of a firmware, taken from its ELF file."""

    code: int
    """Machine code and its small constants."""
    weights: int
    """Constants of `network_data.c`."""
    data: int
    """Initialised and zeroed variables other than arena and buffers."""
    arena: int
    io: int
    """Buffers of inputs and outputs."""
    stack: int
    """Bytes reserved for the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareImage:
    """Hold a built firmware: an ELF file and what must be known to run it."""

    elf: Path
    map: Path
    board: Board
    placement: Placement
    sizes: Sizes
    inputs: tuple[IoTensor, ...]
    outputs: tuple[IoTensor, ...]
    functions: tuple[str, ...]
    """C functions of the layers in their order."""
    compiler: str
    """Name and version of the compiler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Report one inference of a firmware."""

    outputs: tuple[bytes, ...]
    instructions: int | None
    """Executed instructions from the call of the network to its return; None when they were not counted."""
    layer_instructions: Mapping[str, int]
    """The same by C function of the layer, library code that it calls included; empty when not counted."""
    stack_bytes: int
    """High-water mark of the stack since the reset."""
    seconds: float
    """Time that the emulation took on this machine; says nothing about the board."""
