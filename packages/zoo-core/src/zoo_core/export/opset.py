"""Own the change of an ONNX graph's opset: upwards by onnx, from 18 to 17 by rules, further down by onnx.

onnx's converter has no way from 18 to 17 for several operators of common image models (`Split`) and leaves an
attribute behind in others (`ReduceMean`), so that one step is done here and checked against the schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_core.errors import UserError

MINIMUM_OPSET = 13
MAXIMUM_OPSET = 23
EXPORTER_OPSET = 18
"""Opset the exporter of torch writes by itself."""
IR_VERSIONS = {13: 7, 14: 7, 15: 8, 16: 8, 17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
"""Version of the file format that came with each opset; tools for small boards refuse newer ones."""
NARROW_TYPES = (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
NARROW_IR = 10
WITHOUT_AXES_IDENTICAL = ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceLogSumExp")
"""Reductions that return their input when they reduce no axis; the others still apply a function to each number."""


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators a graph is written in; 0 when it names none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def change_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Return the graph written in another opset, computing the same; the argument may be changed too.

    Raises:
        UserError: When an operator of the graph does not exist in that opset.
    """
    if opset_of(model) == opset:
        return model
    try:
        if opset < opset_of(model):
            model = _lower(model, opset)
        else:
            model = onnx.version_converter.convert_version(model, opset)
        model = onnx.shape_inference.infer_shapes(model)
        model.ir_version = minimum_ir(model)
        onnx.checker.check_model(model, full_check=True)
    except (
        RuntimeError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        onnx.version_converter.ConvertError,
    ) as error:
        cause = str(error).strip().splitlines()[0]
        raise _impossible(opset, cause) from error
    return model


def minimum_ir(model: onnx.ModelProto) -> int:
    """Return the lowest version of the file format that holds a graph's opset and its 4-bit integers, if any."""
    narrow = any(tensor.data_type in NARROW_TYPES for tensor in model.graph.initializer)
    version = IR_VERSIONS.get(opset_of(model), int(model.ir_version))
    return max(version, NARROW_IR) if narrow else version


def _impossible(opset: int, cause: str) -> UserError:
    return UserError(
        f"The ONNX graph cannot be written in opset {opset}: {cause}",
        hint=f"Ask for another opset (quantization.target_opset), {MINIMUM_OPSET} to {MAXIMUM_OPSET}; 18 fits most.",
    )


def _lower(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    if opset_of(model) > EXPORTER_OPSET:
        model = onnx.version_converter.convert_version(model, max(opset, EXPORTER_OPSET))
    if opset_of(model) == EXPORTER_OPSET and opset < EXPORTER_OPSET:
        _lower_to_17(model)
    if opset_of(model) != opset:
        model = onnx.version_converter.convert_version(model, opset)
    return model


def _lower_to_17(model: onnx.ModelProto) -> None:
    step = _Step17(onnx.shape_inference.infer_shapes(model).graph)
    step.rewrite(model.graph)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = 17
    _drop_unused_initializers(model.graph)


class _Step17:
    """Rewrite the nodes whose operators differ between opset 18 and 17."""

    def __init__(self, inferred: onnx.GraphProto) -> None:
        self._constants = dict(_constants(inferred))
        self._shapes = {
            info.name: [dim.dim_value if dim.HasField("dim_value") else None for dim in info.type.tensor_type.shape.dim]
            for info in (*inferred.input, *inferred.value_info, *inferred.output)
            if info.type.tensor_type.HasField("shape")
        }
        self._shapes.update({tensor.name: list(tensor.dims) for tensor in inferred.initializer})

    def rewrite(self, graph: onnx.GraphProto) -> None:
        """Change every node of a graph in place."""
        nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            rule = self._rule(node.op_type) if node.domain in ("", "ai.onnx") else None
            nodes.extend([node] if rule is None else rule(node, graph))
        del graph.node[:]
        graph.node.extend(nodes)

    def _rule(self, op_type: str) -> Callable[[onnx.NodeProto, onnx.GraphProto], list[onnx.NodeProto]] | None:
        if op_type.startswith("Reduce") and op_type != "ReduceSum":
            return self._reduce
        return {"Split": self._split, "Pad": self._pad, "Resize": self._resize, "Mish": self._mish}.get(op_type)

    def _reduce(self, node: onnx.NodeProto, _: onnx.GraphProto) -> list[onnx.NodeProto]:
        does_nothing = _take(node, "noop_with_empty_axes", 0)
        axes = self._constant(node, 1)
        if axes is not None and axes.size:
            node.attribute.append(helper.make_attribute("axes", [int(axis) for axis in axes.ravel()]))
        elif does_nothing:
            if node.op_type not in WITHOUT_AXES_IDENTICAL:
                raise _impossible(17, f'{node.op_type} "{node.name}" reduces no axis')
            return [helper.make_node("Identity", node.input[:1], node.output, name=node.name)]
        del node.input[1:]
        return [node]

    def _split(self, node: onnx.NodeProto, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
        count = _take(node, "num_outputs", 0)
        if not count:
            return [node]
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        shape = self._shapes.get(node.input[0])
        size = shape[axis] if shape else None
        if size is None:
            raise _impossible(17, f'Split "{node.name}" divides an axis of unknown size')
        part = -(-size // count)
        sizes = [min(part, size - part * index) for index in range(count)]
        name = f"{node.output[0]}_sizes"
        graph.initializer.append(numpy_helper.from_array(np.asarray(sizes, dtype=np.int64), name))
        del node.input[1:]
        node.input.append(name)
        return [node]

    def _pad(self, node: onnx.NodeProto, graph: onnx.GraphProto) -> list[onnx.NodeProto]:
        axes, pads = self._constant(node, 3), self._constant(node, 1)
        if axes is None:
            return [node]
        shape = self._shapes.get(node.input[0])
        if pads is None or shape is None:
            raise _impossible(17, f'Pad "{node.name}" pads by amounts or a rank known only when it runs')
        rank = len(shape)
        full = np.zeros((2, rank), dtype=np.int64)
        full[:, axes.ravel() % rank] = pads.reshape(2, -1)
        name = f"{node.output[0]}_pads"
        graph.initializer.append(numpy_helper.from_array(full.ravel(), name))
        node.input[1] = name
        del node.input[3:]
        return [node]

    def _resize(self, node: onnx.NodeProto, _: onnx.GraphProto) -> list[onnx.NodeProto]:
        antialias = _take(node, "antialias", 0)
        policy = _take(node, "keep_aspect_ratio_policy", b"stretch")
        if antialias or policy != b"stretch" or _take(node, "axes", []):
            raise _impossible(17, f'Resize "{node.name}" uses antialias, axes or an aspect-ratio policy')
        return [node]

    def _mish(self, node: onnx.NodeProto, _: onnx.GraphProto) -> list[onnx.NodeProto]:
        inner = [f"{node.output[0]}_softplus", f"{node.output[0]}_tanh"]
        return [
            helper.make_node("Softplus", node.input[:1], inner[:1], name=f"{node.name}_softplus"),
            helper.make_node("Tanh", inner[:1], inner[1:], name=f"{node.name}_tanh"),
            helper.make_node("Mul", [node.input[0], inner[1]], node.output, name=node.name),
        ]

    def _constant(self, node: onnx.NodeProto, position: int) -> np.ndarray | None:
        if len(node.input) <= position or not node.input[position]:
            return None
        if node.input[position] not in self._constants:
            raise _impossible(17, f'{node.op_type} "{node.name}" takes its axes from a computed tensor')
        return self._constants[node.input[position]]


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT64:
            yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            yield node.output[0], numpy_helper.to_array(node.attribute[0].t)


def _take(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Remove an attribute from a node and return its value."""
    for index, attribute in enumerate(node.attribute):
        if attribute.name == name:
            value = helper.get_attribute_value(attribute)
            del node.attribute[index]
            return value
    return default


def _drop_unused_initializers(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                used.update(name for child in inner.node for name in child.input)
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
