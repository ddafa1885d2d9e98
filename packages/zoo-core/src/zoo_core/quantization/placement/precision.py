"""Own the wishes for layers of other widths, as onnxruntime is told them: 16-bit activations, 4-bit weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.tensor_quant_overrides import TensorQuantOverridesHelper

from zoo_core.errors import UserError
from zoo_core.names import did_you_mean
from zoo_core.quantization.placement.topology import Array, Topology, attribute

Overrides = dict[str, list[dict[str, Any]]]
WIDER = {"Int8": "Int16", "UInt8": "UInt16"}
SHARING = frozenset({
    "AveragePool", "Flatten", "Gather", "GatherElements", "MaxPool", "Pad", "Reshape", "Resize", "Slice", "Split",
    "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators whose result has the scale of what goes in."""
ZERO_POINTS = {"Int4": 0, "UInt4": 8}
LEVELS = np.arange(-8, 8)
CLIPPING = (0.4, 1.0, 61)
"""Least and most of the range of weights that their levels may span, and how many choices are tried."""
OUTPUT_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": -1}
"""Axis of a layer's weights that counts its output channels; Gemm says so itself."""


def widen(
    graph: onnx.ModelProto,
    nodes: Iterable[str],
    *,
    activation_type: str = "Int8",
    float_nodes: Collection[str] = (),
) -> Overrides:
    """Return what onnxruntime must be told so that what some nodes read and write has 16 bits.

    Nodes beside them compute in 16 bits too; where 8 bits begin again, the tensor is converted. Ranges stay
    asymmetric, because the zero point does the work of activations that became part of a layer.

    Args:
        graph: Float graph whose nodes have names.
        nodes: Names of the nodes.
        activation_type: Type of all other activations.
        float_nodes: Nodes that are not quantized.

    Raises:
        UserError: When a node is not there.
    """
    # imported on use, because it imports torch where that is installed
    from onnxruntime.quantization.execution_providers.qnn.mixed_precision_overrides_utils import (
        MixedPrecisionTensorQuantOverridesFixer,
    )

    topology = Topology(graph)
    base, wide = (QuantType[f"Q{name}"] for name in (activation_type, WIDER[activation_type]))
    tensors: dict[str, None] = {}
    for name in nodes:
        node = topology.nodes.get(name)
        if node is None:
            raise _missing("node", name, topology.nodes)
        tensors |= dict.fromkeys(_around(topology, node))
    if not tensors:
        return {}
    overrides = TensorQuantOverridesHelper({name: [{"quant_type": wide}] for name in tensors})
    fixer = MixedPrecisionTensorQuantOverridesFixer.create_from_model(overrides, graph, base)
    fixer.apply(default_activation_qtype=base, default_activation_symmetric=False)
    fixed: Overrides = overrides.get_dict()
    for entry in (entries[0] for entries in fixed.values()):
        _forget(entry, float_nodes)
    return fixed


def narrow(
    graph: onnx.ModelProto, weights: Iterable[str], *, weight_type: str = "Int4", per_channel: bool = True
) -> Overrides:
    """Return what onnxruntime must be told so that some weights have 4 bits.

    Zero points are 0, and each scale is the one that leaves the smallest squared error: with so few levels it pays to
    clip the largest weights.

    Raises:
        UserError: When a weight is not there, or no layer uses it.
    """
    topology = Topology(graph)
    kind = QuantType[f"Q{weight_type}"]
    found: Overrides = {}
    for name in weights:
        layers = [node for node in topology.consumers.get(name, ()) if name in _layer_weights(topology, node)]
        if not layers:
            known = [weight for node in topology.nodes.values() for weight in _layer_weights(topology, node)]
            raise _missing("weight of a layer", name, known)
        values = topology.constants[name]
        axis = _output_axis(topology, layers[0], name)
        rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1) if per_channel else values.reshape(1, -1)
        channels = {"axis": axis} if per_channel else {}
        found[name] = [
            {
                "quant_type": kind,
                "scale": _best_scale(row),
                "zero_point": np.array(ZERO_POINTS[weight_type]),
                **channels,
            }
            for row in rows
        ]
    return found


def _around(topology: Topology, node: onnx.NodeProto) -> Iterable[str]:
    """Yield the tensors that a node reads and writes.

    Where what it reads has the scale of another tensor, that one is yielded too, as is what an activation reads that
    becomes part of a layer.
    """
    written = list(node.output)
    users = [user for name in written for user in topology.consumers.get(name, ())]
    written += [user.output[0] for user in users if topology.is_fused(user)]
    waiting = [*topology.activations(node), *written]
    while waiting:
        name = waiting.pop()
        if topology.is_float(name):
            yield name
            producer = topology.producers.get(name)
            if producer is not None and (topology.is_fused(producer) or producer.op_type in SHARING):
                waiting += topology.activations(producer)


def _forget(entry: dict[str, Any], float_nodes: Collection[str]) -> None:
    """Take nodes that are not quantized out of those that receive a converted tensor."""
    receivers = entry.get("convert", {}).get("recv_nodes")
    if receivers is not None:
        receivers.difference_update(float_nodes)
        if not receivers:
            del entry["convert"]


def _output_axis(topology: Topology, node: onnx.NodeProto, weight: str) -> int:
    rank = topology.constants[weight].ndim
    axis = (0 if attribute(node, "transB", 0) else 1) if node.op_type == "Gemm" else OUTPUT_AXES.get(node.op_type, 0)
    return axis % rank


def _best_scale(values: Array) -> Array:
    """Return the step between levels that rounds some weights with the smallest squared error."""
    largest = float(np.abs(values).max())
    if largest == 0.0:
        return np.array(1.0, dtype=np.float32)
    steps = largest / LEVELS.max() * np.linspace(*CLIPPING)
    levels = np.clip(np.rint(values[None] / steps[:, None]), LEVELS.min(), LEVELS.max())
    errors = np.square(values[None] - levels * steps[:, None]).sum(axis=1)
    return np.array(steps[int(np.argmin(errors))], dtype=np.float32)


def _layer_weights(topology: Topology, node: onnx.NodeProto) -> list[str]:
    return [name for name in node.input[1:2] if name in topology.constants and topology.is_weighted(node)]


def _missing(what: str, name: str, known: Iterable[str]) -> UserError:
    names = list(known)
    return UserError(
        f'No {what} of the model is called "{name}".',
        hint=did_you_mean(name, names) or f"The model has {', '.join(names[:5])}, ...",
    )
