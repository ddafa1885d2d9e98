"""Own the decision which nodes of a float graph stay floating point when it is quantized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx
from onnxruntime.quantization.calibrate import TensorData, TensorsData
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from zoo_core.quantization.placement.activations import bounded_outputs, find_scalar_functions
from zoo_core.quantization.placement.decoding import Reason, find_decoding, find_shared_scales, spread_decoding
from zoo_core.quantization.placement.topology import Ranges, Topology, attribute

EXTRA_OPERATORS = (
    "DepthToSpace", "Elu", "Gelu", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Mish", "PRelu", "ReduceMean",
    "Softplus", "SpaceToDepth", "Tanh",
)  # fmt: skip
"""Operators that onnxruntime leaves in float by itself, and that compilers for small boards have in 8 bits."""
IMAGE_RANK = 4
SHOWN = 3
"""Reasons that a note spells out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Say which nodes stay floating point, and what else onnxruntime must be told."""

    float_nodes: tuple[str, ...] = ()
    """Names of nodes that are not quantized; what goes into them keeps its own scale."""
    extra_op_types: tuple[str, ...] = ()
    """Operators to quantize beside those that onnxruntime quantizes by itself."""
    fixed_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Tensor -> the range that its function fills, in place of what calibration saw of it."""
    notes: tuple[str, ...] = ()

    def adjust(self, ranges: TensorsData) -> TensorsData:
        """Return a copy of calibrated ranges with the fixed ones in their places."""
        data = dict(ranges.items())
        for name, (low, high) in self.fixed_ranges.items():
            if name in data:
                kind = data[name].lowest.dtype
                data[name] = TensorData(lowest=kind.type(low), highest=kind.type(high))
        return TensorsData(ranges.calibration_method, data)


def place(model: onnx.ModelProto, ranges: TensorsData | Ranges, *, float_operators: bool = True) -> Placement:
    """Decide what of a float graph is better not quantized.

    Behind the last layers with weights, whatever decodes boxes, points or scores of unlike size stays float, from the
    outputs of those layers on. Elementwise functions that onnxruntime would quantize in part stay whole.

    Args:
        model: Float graph whose nodes have names.
        ranges: Smallest and largest value of every tensor that may be quantized.
        float_operators: Whether the target takes floating-point operators inside a quantized model.
    """
    topology = Topology(model)
    known = _as_pairs(ranges)
    tail = topology.tail()
    reasons = find_decoding(topology, known, tail)
    decoding = spread_decoding(topology, reasons, tail) if float_operators else ()
    extra = tuple(name for name in EXTRA_OPERATORS if any(node.op_type == name for node in model.graph.node))
    quantized = {*QDQRegistry, *QLinearOpsRegistry, *extra}
    functions = find_scalar_functions(topology, quantized)
    left = {*decoding, *functions, *_unfit(topology, known, extra)}
    names = [node.name for node in model.graph.node]
    return Placement(
        float_nodes=tuple(name for name in names if name in left),
        extra_op_types=tuple(
            name for name in extra if any(node.op_type == name and node.name not in left for node in model.graph.node)
        ),
        fixed_ranges=bounded_outputs(topology, known, tail),
        notes=(*_decoding_notes(reasons, decoding), *_shared_notes(topology, known, tail)),
    )


def _as_pairs(ranges: TensorsData | Ranges) -> Ranges:
    pairs = {}
    for name, value in ranges.items():
        low, high = value.range_value if isinstance(value, TensorData) else value
        pairs[name] = (float(low), float(high))
    return pairs


def _unfit(topology: Topology, ranges: Ranges, extra: tuple[str, ...]) -> list[str]:
    """Return the nodes of additional operators that cannot be quantized: no range is known, or the mean is no pooling.

    Means over channels belong to normalisations, which 8 bits do not hold.
    """
    return [
        node.name
        for node in topology.model.graph.node
        if node.op_type in extra
        and (
            any(name not in ranges for name in (*topology.activations(node), *node.output) if topology.is_float(name))
            or (node.op_type == "ReduceMean" and not _pools(topology, node))
        )
    ]


def _pools(topology: Topology, node: onnx.NodeProto) -> bool:
    """Tell whether a mean is taken over height and width of images."""
    axes = attribute(node, "axes", None)
    if axes is None and len(node.input) > 1 and node.input[1] in topology.constants:
        axes = topology.constants[node.input[1]].reshape(-1).tolist()
    is_image = topology.rank(node.input[0]) == IMAGE_RANK
    return is_image and axes is not None and sorted(int(axis) % IMAGE_RANK for axis in axes) == [2, 3]


def _decoding_notes(reasons: tuple[Reason, ...], decoding: tuple[str, ...]) -> tuple[str, ...]:
    if not reasons:
        return ()
    shown = "; ".join(f"{reason.node}: {reason.text}" for reason in reasons[:SHOWN])
    more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    if decoding:
        return (f"{len(decoding)} nodes behind the last layers stay in float ({shown}{more}).",)
    return (f"Outputs lose precision, because no target of the run takes floating-point operators ({shown}{more}).",)


def _shared_notes(topology: Topology, ranges: Ranges, tail: frozenset[str]) -> tuple[str, ...]:
    found = sorted(find_shared_scales(topology, ranges, tail), key=lambda item: -item[1])
    if not found:
        return ()
    name, ratio = found[0]
    count = f"{len(found)} concatenations share" if len(found) > 1 else "One concatenation shares"
    return (
        f"{count} one scale between tensors of unlike ranges; in the worst, {name}, they differ {ratio:.3g} times.",
    )
