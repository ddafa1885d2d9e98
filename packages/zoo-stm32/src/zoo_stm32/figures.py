"""Own the figures of a firmware: memory, operations and instructions, as metrics and layer by layer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import onnx

from zoo_core.results import MetricValue
from zoo_stm32.artifacts import ITEM_BYTES, CNetwork, Execution, FirmwareImage, LoweredModel
from zoo_stm32.boards import Memory
from zoo_stm32.verification import Comparison, Gap

LAYER_COLUMNS = (
    "index", "name", "op_type", "macs", "instructions", "weight_bytes", "output_bytes", "live_bytes",
    "inputs", "outputs", "function",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Gather what one inference of a firmware needs: memory in bytes, operations, instructions."""

    lowered: LoweredModel
    network: CNetwork
    image: FirmwareImage
    execution: Execution

    @property
    def flash(self) -> int:
        """Return code and weights."""
        return self.image.sizes.code + self.image.sizes.weights

    @property
    def runtime(self) -> int:
        """Return variables and the part of the stack that was used."""
        return self.image.sizes.data + self.execution.stack_bytes

    @property
    def ram(self) -> int:
        """Return activations, buffers of inputs and outputs, variables and used stack."""
        return self.image.sizes.arena + self.image.sizes.io + self.runtime

    def metrics(self) -> tuple[MetricValue, ...]:
        """Return the figures in the order in which users read them."""
        sizes = self.image.sizes
        found = [
            ("total_ram", self.ram, "bytes"),
            ("ram_activations", sizes.arena, "bytes"),
            ("ram_activations_bound", self.network.plan.lower_bound, "bytes"),
            ("ram_io", sizes.io, "bytes"),
            ("ram_runtime", self.runtime, "bytes"),
            ("total_flash", self.flash, "bytes"),
            ("flash_weights", sizes.weights, "bytes"),
            ("flash_code", sizes.code, "bytes"),
            ("macs", sum(layer.macs for layer in self.network.layers), ""),
            ("instructions", self.execution.instructions, ""),
        ]
        return tuple(
            MetricValue(name=name, value=float(value), unit=unit, higher_is_better=False)
            for name, value, unit in found
            if value is not None
        )

    def details(self) -> dict[str, Any]:
        """Return what the metrics do not say: where everything lies, what peaks, every layer."""
        plan, place = self.network.plan, self.image.placement
        return {
            "placement": {
                "code": place.code.name,
                "weights": place.weights.name,
                "data": place.data.name,
                "activations": place.arena.name,
            },
            "memories": self.memories(),
            "stack_reserved": self.image.sizes.stack,
            "stack_used": self.execution.stack_bytes,
            "peak_layer": plan.peak_layer,
            "peak_tensors": {name: plan.sizes[name] for name in plan.peak_tensors},
            "compiler": self.image.compiler,
            "code_generator": self.network.generator,
            "layers": list(self.layers()),
        }

    def memories(self) -> list[dict[str, Any]]:
        """Return every memory of the board with its size and what the firmware puts there, in bytes."""
        sizes, place = self.image.sizes, self.image.placement
        parts = (
            (place.code, sizes.code),
            (place.weights, sizes.weights),
            (place.data, sizes.data + sizes.io + sizes.stack),
            (place.arena, sizes.arena),
        )
        used: dict[str, int] = {}
        for memory, count in parts:
            used[memory.name] = used.get(memory.name, 0) + count
        return memory_table(self.image.board.memories, used)

    def layers(self) -> Iterator[dict[str, Any]]:
        """Yield the figures of each layer under the names of `LAYER_COLUMNS`."""
        sizes = _tensor_bytes(self.lowered)
        live = dict(enumerate(self.network.plan.live))
        for layer in self.network.layers:
            yield {
                "index": layer.index,
                "name": layer.name,
                "op_type": layer.op_type,
                "macs": layer.macs,
                "instructions": self.execution.layer_instructions.get(layer.function),
                "weight_bytes": layer.weight_bytes,
                "output_bytes": sum(sizes[name] for name in layer.outputs),
                "live_bytes": live.get(layer.index),
                "inputs": " ".join(layer.inputs),
                "outputs": " ".join(layer.outputs),
                "function": layer.function,
            }

    def layers_csv(self) -> str:
        """Return the layers as the text of a CSV file."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, LAYER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.layers())
        return stream.getvalue()

    def facts(self, comparison: Comparison, engine: str) -> dict[str, str]:
        """Return the findings in words: the board, how it was measured, whether every output value was right."""
        board = self.image.board
        return {
            "board": f"{board.name}, emulated ({engine})",
            "bit_exact": exactness(comparison),
            "fits": self.fit(),
        }

    def fit(self) -> str:
        """Say whether everything lies inside of the chip, and what lies outside."""
        place = self.image.placement
        outside = [
            f"{what} in {memory.name}"
            for what, memory in (("code", place.code), ("weights", place.weights), ("activations", place.arena))
            if memory.external
        ]
        return f"with external memory: {', '.join(outside)}" if outside else "yes, in internal memory"


def memory_table(memories: Iterable[Memory], used: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return memories in the form in which results hold them: name, kind, external, size and used bytes."""
    return [
        {
            "name": memory.name,
            "kind": memory.kind,
            "external": memory.external,
            "size": memory.size,
            "used": used.get(memory.name, 0),
        }
        for memory in memories
    ]


def exactness(comparison: Comparison) -> str:
    """Return `yes`, or how many values of which output differ and by how much."""
    if comparison.exact:
        return "yes"
    several = len(comparison.gaps) > 1
    return "no: " + "; ".join(_gap(gap, named=several) for gap in comparison.gaps if gap.different)


def _gap(gap: Gap, *, named: bool) -> str:
    where = f" of {gap.tensor.name}" if named else ""
    unit = f" step{'' if gap.largest == 1 else 's'} of its quantization" if gap.tensor.quantized else ""
    return f"{gap.different} of {gap.values} values{where} differ, by at most {gap.largest:g}{unit}"


def island_note(lowered: LoweredModel) -> tuple[str, ...]:
    """Return a sentence that names what is computed in floating point, if anything is."""
    if not lowered.islands:
        return ()
    named = ", ".join(f"{island.node} ({island.op_type}: {island.reason})" for island in lowered.islands)
    return (f"Computed in floating point, which a core without FPU is slow at: {named}.",)


def _tensor_bytes(lowered: LoweredModel) -> dict[str, int]:
    graph = lowered.model.graph
    return {value.name: _value_bytes(value.type.tensor_type) for value in (*graph.value_info, *graph.output)}


def _value_bytes(tensor: onnx.TypeProto.Tensor) -> int:
    kind = str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name)
    sizes = [int(dim.dim_value) for dim in tensor.shape.dim]
    return prod(sizes) * ITEM_BYTES[kind]
