"""Own the copy of a graph that the code generator gets: only its own operators, and neutral names to find back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_stm32.lowering.operators import DOMAIN
from zoo_stm32.network.graph import Graph, Node, Tensor, is_weight, tensor_of
from zoo_stm32.network.kernels import is_own


@dataclass(frozen=True, slots=True)
class NeutralModel:
    """Hold a model whose nodes are called n0, n1, ..., tensors t0, t1, ... and constants c0, c1, ..."""

    model: onnx.ModelProto
    nodes: Mapping[str, Node]
    names: Mapping[str, str]
    """Original name of each tensor and constant by the neutral one."""


def neutral_model(graph: Graph, original: onnx.ModelProto) -> NeutralModel:
    """Copy what the code generator translates.

    Nodes that have kernels of our own are left out; the graph is cut there: what they read becomes an output and what
    they write an input. Weights become inputs, too: the generator need not know their values, and is much faster so.
    """
    kept = [node for node in graph.nodes if not is_own(node)]
    cut = [node for node in graph.nodes if is_own(node)]
    made = {name for node in kept for name in node.outputs if name}
    read = {name for node in kept for name in node.inputs if name}
    tensors = [name for name in graph.tensors if name in made | read and name not in graph.constants]
    constants = [name for name in graph.constants if name in read]
    short = {name: f"t{index}" for index, name in enumerate(tensors)}
    short |= {name: f"c{index}" for index, name in enumerate(constants)}
    wanted = {*graph.outputs, *(name for node in cut for name in node.inputs)}
    weights = [name for name in constants if is_weight(graph.constants[name])]
    values = {short[name]: graph.constants[name] for name in constants if name not in weights}
    onnx_graph = helper.make_graph(
        [_renamed(node, short) for node in kept],
        "network",
        _values([*(name for name in tensors if name not in made), *weights], graph, short),
        _values((name for name in tensors if name in made & wanted), graph, short),
        initializer=[numpy_helper.from_array(value, name) for name, value in values.items()],
        value_info=_values((name for name in tensors if name in made - wanted), graph, short),
    )
    model = helper.make_model(onnx_graph, ir_version=original.ir_version)
    del model.opset_import[:]
    model.opset_import.extend(opset for opset in original.opset_import if opset.domain != DOMAIN)
    return NeutralModel(model, {f"n{node.index}": node for node in kept}, {new: old for old, new in short.items()})


def _renamed(node: Node, short: Mapping[str, str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node.proto)
    copy.name, copy.doc_string = f"n{node.index}", ""
    del copy.input[:], copy.output[:]
    copy.input.extend(short.get(name, "") for name in node.inputs)
    copy.output.extend(short.get(name, "") for name in node.outputs)
    return copy


def _values(names: Iterable[str], graph: Graph, short: Mapping[str, str]) -> list[onnx.ValueInfoProto]:
    return [_value(tensor_of(graph, name), short[name]) for name in names]


def _value(tensor: Tensor, name: str) -> onnx.ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(np.dtype(tensor.type))
    return helper.make_tensor_value_info(name, element, tensor.shape)
