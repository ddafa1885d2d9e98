"""Own the graph that is being written: nodes, constants, names that do not clash, and the form it gets at its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_stm32.lowering.operators import DOMAIN, MICROSOFT, TABLE_LOOKUP, VERSION
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import Params


class GraphWriter:
    """Collect nodes in an order in which they can run; constants of equal content are stored once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.types: dict[str, str] = {}
        self._taken = set(taken)
        self._node_names: set[str] = set()
        self._stored: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def name(self, wish: str) -> str:
        """Return a tensor name that nothing has."""
        name, count = wish, 0
        while name in self._taken:
            count += 1
            name = f"{wish}_{count}"
        self._taken.add(name)
        return name

    def constant(self, wish: str, value: Array) -> str:
        """Store a constant and return its name."""
        key = (str(value.dtype), value.shape, value.tobytes())
        if key not in self._stored:
            self._stored[key] = self.name(wish)
            self.constants[self._stored[key]] = value
        return self._stored[key]

    def scale(self, value: float) -> str:
        """Store a float32 scalar and return its name."""
        return self.constant("scale", np.array(value, np.float32))

    def zero_point(self, params: Params) -> str:
        """Store the zero point of a tensor and return its name."""
        return self.constant("zero_point", np.array(params.zero_point, params.type))

    def quantization(self, params: Params) -> list[str]:
        """Store scale and zero point of a tensor and return their names."""
        return [self.scale(params.scale), self.zero_point(params)]

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        name: str,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Append a node and return its name, which gets a number when another node has it."""
        unique, count = name or outputs[0], 0
        while unique in self._node_names:
            count += 1
            unique = f"{name or outputs[0]}_{count}"
        self._node_names.add(unique)
        self.nodes.append(helper.make_node(op_type, inputs, outputs, name=unique, domain=domain, **attributes))
        return unique

    def copy(self, node: onnx.NodeProto, inputs: Sequence[str], outputs: Sequence[str]) -> str:
        """Append a node with other inputs and outputs and return its name."""
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        return self.node(node.op_type, inputs, outputs, name=node.name, domain=node.domain, **attributes)

    def lookup(self, source: str, source_type: str, table: Array, output: str, *, name: str) -> None:
        """Append a TableLookup."""
        self.types[source] = source_type
        inputs = [source, self.constant("table", table)]
        self.node(TABLE_LOOKUP, inputs, [output], name=name, domain=DOMAIN)

    def reshape(self, source: str, shape: Sequence[int], output: str, *, name: str) -> None:
        """Append a Reshape to a fixed shape."""
        self.node("Reshape", [source, self.constant("shape", np.array(shape, np.int64))], [output], name=name)

    def rename(self, old: str, new: str) -> None:
        """Give a tensor another name wherever it stands."""
        if old in self.types:
            self.types[new] = self.types.pop(old)
        for node in self.nodes:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == old:
                        names[index] = new

    def prune(self, outputs: Iterable[str]) -> None:
        """Drop nodes and constants that no output needs."""
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if wanted & set(node.output):
                wanted.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.constants = {name: value for name, value in self.constants.items() if name in wanted}
        self.types = {name: kind for name, kind in self.types.items() if name in wanted}

    def model(
        self,
        source: onnx.ModelProto,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> onnx.ModelProto:
        """Return the graph as a model with opset, name and metadata of the model it came from."""
        graph = helper.make_graph(
            self.nodes,
            source.graph.name or "graph",
            inputs,
            outputs,
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
            value_info=[
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), None)
                for name, kind in self.types.items()
            ],
        )
        opsets = {entry.domain or "": entry.version for entry in source.opset_import}
        opsets |= {MICROSOFT: 1, DOMAIN: VERSION}
        model = helper.make_model(
            graph,
            producer_name="zoo",
            opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
            ir_version=source.ir_version,
        )
        helper.set_model_props(model, {item.key: item.value for item in source.metadata_props})
        return model


def describe(name: str, value: Array) -> onnx.ValueInfoProto:
    """Return type and shape of an observed tensor."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
