"""Own the observation of a graph: run it once in onnxruntime and return what every tensor holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper

from zoo_core.errors import UserError

Array = npt.NDArray[Any]


def observe(model: onnx.ModelProto, inputs: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """Return the value of every tensor that a node computes, and of every input; inputs are zeros unless given.

    Raises:
        UserError: When onnxruntime cannot run the graph.
    """
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    names = [name for node in model.graph.node for name in node.output if name]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    feeds = zeros(model) if inputs is None else dict(inputs)
    return feeds | dict(zip(names, _run(exposed, names, feeds), strict=True))


def zeros(model: onnx.ModelProto) -> dict[str, Array]:
    """Return zeros for every input of a graph; axes without a length have length 1."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        value.name: np.zeros(
            [axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim],
            helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type),
        )
        for value in model.graph.input
        if value.name not in constants
    }


def evaluate(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, Array],
    constants: Mapping[str, Array],
    output: str,
    opsets: Iterable[onnx.OperatorSetIdProto],
) -> Array:
    """Compute one tensor from a few nodes of a graph."""
    graph = helper.make_graph(
        nodes,
        "part",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in feeds.items()
        ],
        [onnx.ValueInfoProto(name=output)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=list(opsets), ir_version=8)
    return _run(model, [output], feeds)[0]


def _run(model: onnx.ModelProto, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        values: list[Array] = session.run(list(names), dict(feeds))
    except Exception as error:
        raise UserError(
            f"onnxruntime cannot run the model: {error}",
            hint="Check the file with `python -m onnx.checker`, or export and quantize the model again.",
        ) from error
    return values
