"""Own the figures of the stand-in for ST Edge AI Core: computed from a model in ways that a test can repeat.

* weights: bytes of all initializers.
* MACs of a Conv: elements of its output x elements of its weights / output channels; of a Gemm or MatMul: elements of
  its output x elements of its second input / size of the output's last axis; of other nodes: 0.
* activations: the largest sum, over nodes, of the bytes of what a node reads and writes, initializers left out.
* runtime library: flash 1000 bytes for each operator type and 512 of the tool chain; RAM 2048 and 64 bytes.
* on a board: 2 cycles for each MAC and 1000 more, at 400 MHz.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1 << 20
KERNEL_FLASH_PER_TYPE = 1000
TOOLCHAIN_FLASH = 512
KERNEL_RAM = 2048
TOOLCHAIN_RAM = 64
CYCLES_PER_MAC = 2
CYCLES_BASE = 1000
CLOCK_KHZ = 400_000

N6_RAM = (
    ("npuRAM5", 0x342E_0000, 448 << 10),
    ("npuRAM4", 0x3427_0000, 448 << 10),
    ("npuRAM3", 0x3420_0000, 448 << 10),
    ("npuRAM6", 0x3435_0000, 448 << 10),
    ("cpuRAM2", 0x3410_0000, MIB),
    ("hyperRAM", 0x9000_0000, 32 * MIB),
)
N6_FLASH = ("octoFlash", 0x7100_0000, 112 * MIB)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTensor:
    """Describe one tensor of the model."""

    number: int
    shape: tuple[int, ...]
    size_bytes: int
    weights: bytes | None
    """Content of an initializer, else nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyNode:
    """Describe one node of the model."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyModel:
    """Hold what the stand-in knows of a model."""

    tensors: Mapping[str, ToyTensor]
    nodes: tuple[ToyNode, ...]

    @property
    def weights(self) -> int:
        """Return the bytes of all initializers."""
        return sum(tensor.size_bytes for tensor in self.tensors.values() if tensor.weights is not None)

    @property
    def macs(self) -> int:
        """Return the MACs of all nodes."""
        return sum(node.macs for node in self.nodes)

    @property
    def activations(self) -> int:
        """Return the largest sum of bytes that one node reads and writes."""
        return max((self._held(node) for node in self.nodes), default=0)

    def _held(self, node: ToyNode) -> int:
        tensors = (self.tensors[name] for name in {*node.inputs, *node.outputs} if name in self.tensors)
        return sum(tensor.size_bytes for tensor in tensors if tensor.weights is None)


def load_toy_model(path: Path) -> ToyModel:
    """Read an ONNX model.

    Raises:
        ValueError: If it is none.
    """
    import onnx

    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(path))
        onnx.checker.check_model(model)
    except Exception as error:
        raise ValueError(f"cannot load {path.name}: {type(error).__name__}") from error
    tensors = _tensors(model.graph)
    nodes = tuple(
        ToyNode(
            name=node.name or f"{node.op_type}_{index}",
            op_type=node.op_type,
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            macs=_macs(node, tensors),
        )
        for index, node in enumerate(model.graph.node)
    )
    return ToyModel(tensors=tensors, nodes=nodes)


def _tensors(graph: Any) -> dict[str, ToyTensor]:
    from onnx import helper, numpy_helper

    found: dict[str, ToyTensor] = {}
    for initializer in graph.initializer:
        content = numpy_helper.to_array(initializer)
        found[initializer.name] = ToyTensor(
            number=len(found), shape=content.shape, size_bytes=content.nbytes, weights=content.tobytes()
        )
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if value.name in found or not kind.elem_type:
            continue
        shape = tuple(axis.dim_value or 1 for axis in kind.shape.dim)
        item = helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
        found[value.name] = ToyTensor(number=len(found), shape=shape, size_bytes=math.prod(shape) * item, weights=None)
    return found


def _macs(node: Any, tensors: Mapping[str, ToyTensor]) -> int:
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0
    weights, output = tensors.get(node.input[1]), tensors.get(node.output[0])
    if weights is None or output is None or not output.shape:
        return 0
    channels = weights.shape[0] if node.op_type == "Conv" else output.shape[-1]
    return math.prod(output.shape) * (math.prod(weights.shape) // max(channels, 1))


def pools_of(model: ToyModel, *, npu: bool, given: list[tuple[str, int, int, bool]]) -> list[dict[str, Any]]:
    """Return the memory pools of a report.

    Activations fill the RAM pools in their order; weights lie in the first flash pool.

    Args:
        model: The model.
        npu: Whether the pools of STM32N6 are meant.
        given: Pools of a memory pool file: name, address, bytes, whether it is RAM.
    """
    if npu and not given:
        given = [(*pool, True) for pool in N6_RAM] + [(*N6_FLASH, False)]
    if not given:
        return [
            _pool(0, "heap_overlay_pool", "NULL", "ACC_WRITE", model.activations),
            _pool(1, "weights_array", "g_network_weights_array", "ACC_READ", model.weights),
        ]
    pools, left = [], {True: model.activations, False: model.weights}
    for number, (name, address, size, is_ram) in enumerate(given):
        used = min(left[is_ram], size)
        left[is_ram] -= used
        pools.append(_pool(number, name, str(address), "ACC_WRITE" if is_ram else "ACC_READ", used))
    if left[True]:
        raise ValueError(f"not enough memory: {left[True]} bytes of activations do not fit into the memory pools")
    if all(is_ram for *_, is_ram in given):
        pools.append(_pool(len(pools), "weights_array", "g_network_weights_array", "ACC_READ", model.weights))
    return pools


def _pool(number: int, name: str, address: str, rights: str, used: int) -> dict[str, Any]:
    return {
        "address": address,
        "buffers": [],
        "id": number,
        "name": name,
        "rights": rights,
        "size_bytes": -1,
        "subpools": [],
        "used_size_bytes": used,
    }


def c_info(
    model: ToyModel,
    path: Path,
    arguments: str,
    version: str,
    *,
    pools: list[dict[str, Any]],
    npu: bool,
    on_board: bool,
    toolchain: bool,
) -> dict[str, Any]:
    """Return a report in the newer format, schema 2.0."""
    tools = [
        {"arguments": arguments, "input_model": {"name": path.stem}, "name": "ST.EdgeAI.Core", "version": version},
        *([{"arguments": "", "name": "ATONN Compiler", "version": "1.1.3-8"}] if npu else []),
    ]
    types = len({node.op_type for node in model.nodes})
    graph: dict[str, Any] = {"id": 0, "name": path.stem, "nodes": _nodes(model, npu=npu, on_board=on_board)}
    if on_board:
        cycles = CYCLES_PER_MAC * model.macs + CYCLES_BASE
        graph["exec_time"] = {
            "cycles": cycles,
            "cycles_by_macc": cycles / max(model.macs, 1),
            "duration_ms": cycles / CLOCK_KHZ,
            "percentage": 100.0,
        }
    return {
        "buffers": [
            {
                "id": tensor.number,
                "is_param": tensor.weights is not None,
                "mpool_id": 0,
                "name": name,
                "shape": list(tensor.shape),
                "size_bytes": tensor.size_bytes,
            }
            for name, tensor in model.tensors.items()
        ],
        "environment": {"device": "stand-in board" if on_board else "x86_64", "tools": tools},
        "graphs": [graph],
        "json_schema_version": "2.0",
        "memory_footprint": {
            "activations": model.activations,
            "io": [0, 0],
            "kernel_flash": KERNEL_FLASH_PER_TYPE * types if toolchain else None,
            "kernel_ram": KERNEL_RAM if toolchain else None,
            "series": "generic",
            "toolchain": "GCC" if toolchain else None,
            "toolchain_flash": TOOLCHAIN_FLASH if toolchain else None,
            "toolchain_ram": TOOLCHAIN_RAM if toolchain else None,
            "weights": model.weights,
        },
        "memory_pools": pools,
    }


def _nodes(model: ToyModel, *, npu: bool, on_board: bool) -> list[dict[str, Any]]:
    nodes = []
    for number, node in enumerate(model.nodes):
        entry: dict[str, Any] = {
            "id": number,
            "inputs": [model.tensors[name].number for name in node.inputs if name in model.tensors],
            "macc": 0 if npu else node.macs,
            "mapping": "NODE_HW" if npu and node.macs else "NODE_SW",
            "name": node.name,
            "outputs": [model.tensors[name].number for name in node.outputs if name in model.tensors],
            "subgraph_nodes": [],
            "type": node.op_type,
        }
        if on_board:
            entry["exec_time"] = {"percentage": 100.0 * node.macs / max(model.macs, 1)}
        nodes.append(entry)
    return nodes


def old_report(model: ToyModel, version: str, arguments: str) -> dict[str, Any]:
    """Return a report in the older format."""
    return {
        "cli_parameters": arguments,
        "cli_version_str": f"ST Edge AI Core v{version}",
        "ram_io_size": [0, 0],
        "ram_size": [model.activations],
        "report_version": 1.0,
        "rom_n_macc": model.macs,
        "rom_size": model.weights,
    }
