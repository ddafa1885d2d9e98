"""Own the walk over a QDQ graph that writes integer operators, and float islands where there is no integer form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import onnx

from zoo_stm32.artifacts import Island
from zoo_stm32.lowering import arithmetic, movement, normalizing, pooling, products, transposed
from zoo_stm32.lowering.forms import NoIntegerFormError, Operand, Wanted
from zoo_stm32.lowering.probe import Array
from zoo_stm32.lowering.qdq import DEQUANTIZE, QUANTIZE, Params, QdqGraph
from zoo_stm32.lowering.tables import Functions, clamp, is_identity, requantization, values_of
from zoo_stm32.lowering.writer import GraphWriter

Rule = Callable[["Rewriter", Wanted], str]
"""Write the integer form of a tensor and return the name of the stored one."""

RULES: Mapping[str, Rule] = MappingProxyType({
    "Add": arithmetic.add,
    "Sub": arithmetic.subtract,
    "Mul": arithmetic.multiply,
    "Max": arithmetic.select,
    "Min": arithmetic.select,
    "Relu": arithmetic.clip,
    "Clip": arithmetic.clip,
    "Conv": products.convolution,
    "ConvTranspose": transposed.transposed_convolution,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.mean,
    "ReduceMean": pooling.mean,
    "MaxPool": pooling.max_pool,
    "GlobalMaxPool": pooling.global_max_pool,
    "ReduceMax": pooling.extreme,
    "ReduceMin": pooling.extreme,
    "Softmax": normalizing.softmax,
    "Pad": movement.pad,
    "Concat": movement.concat,
    "Split": movement.split,
    "Resize": movement.resize,
    **dict.fromkeys(movement.PLAIN, movement.move),
})  # fmt: skip
KEEPS_VALUES = frozenset({*movement.PLAIN, "Split", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Relu"})
"""Operators whose results are among their inputs, or zero, so that the parameters of the input hold them exactly."""
MEANS = ("ReduceMean", "GlobalAveragePool")
OUTPUT_REASON = "its result is an output of the network that is not quantized"
CHAIN_REASON = "it feeds a layer in floating point, with no quantization between"


class Rewriter:
    """Write the integer form of a graph, tensor by tensor."""

    def __init__(self, graph: QdqGraph) -> None:
        self.graph = graph
        self.writer = GraphWriter({*graph.inputs, *graph.outputs})
        self.islands: dict[str, Island] = {}
        """Islands by the name of their node in the lowered graph."""
        self.stored: dict[str, str] = {}
        """Tensor of the lowered graph by stored tensor of the QDQ graph that it equals."""
        self.inputs = _quantized_inputs(graph)
        """Parameters of the network's inputs that are quantized before anything else uses them."""
        self._functions = Functions(graph)
        self._made: dict[tuple[str, Params], str] = {}
        self._floats: dict[str, str] = {}
        self._parts: dict[tuple[str, Params], tuple[str, ...]] = {}
        self._reasons: dict[str, str] = {}

    def quantize(self, node: onnx.NodeProto) -> None:
        """Write what a QuantizeLinear gives."""
        name, params = node.output[0], self.graph.quantization(node)
        if name in self.graph.constants or params is None:
            return
        tensor = node.input[0]
        try:
            self.stored[name] = self.integer(tensor, params)
        except NoIntegerFormError as error:
            self.stored[name] = self._quantize_float(tensor, params, str(error), node)

    def integer(self, tensor: str, params: Params) -> str:
        """Return the stored tensor of a float tensor under some parameters, writing it when it is not there.

        Raises:
            NoIntegerFormError: When only floating point can compute it.
        """
        key = (tensor, params)
        if key not in self._made:
            self._made[key] = self._integer(tensor, params)
        return self._made[key]

    def operand(self, tensor: str) -> Operand:
        """Return a float tensor as it is stored, with the parameters that it has of itself.

        Raises:
            NoIntegerFormError: When it is not quantized.
        """
        constant = self.graph.quantized_constant(tensor)
        if constant is not None:
            if constant.params is None:
                raise NoIntegerFormError(f"its constant {constant.name} is not quantized to 8 bits with one scale")
            return Operand(self.writer.constant(constant.name, constant.values), constant.params)
        params = self.natural(tensor)
        if params is None:
            raise NoIntegerFormError(f"its input {tensor} is not quantized")
        return Operand(self.integer(tensor, params), params)

    def natural(self, tensor: str) -> Params | None:
        """Return the parameters that hold a float tensor without loss, found through operators that keep values."""
        while True:
            stored = self.graph.dequantized(tensor)
            if stored is not None:
                return stored[1]
            if tensor in self.inputs:
                return self.inputs[tensor]
            node = self.graph.producers.get(tensor)
            if node is None or node.op_type not in KEEPS_VALUES:
                return None
            tensor = node.input[0]

    def fresh(self, tensor: str, params: Params) -> str:
        """Return a name for the stored form of a float tensor, that of its QuantizeLinear where there is one."""
        for node in self.graph.consumers[tensor]:
            if node.op_type == QUANTIZE and self.graph.quantization(node) == params:
                return self.writer.name(node.output[0])
        return self.writer.name(f"{tensor}_stored")

    def requantize(self, operand: Operand, wanted: Wanted) -> str:
        """Return a stored tensor under the wanted parameters; nothing is written where they are the same."""
        return self._look_up(operand, requantization(operand.params, wanted.params), wanted)

    def clamp(self, source: str, limits: tuple[float, float], wanted: Wanted) -> str:
        """Limit a tensor of the wanted parameters; nothing is written where they limit it as much."""
        return self._look_up(Operand(source, wanted.params), clamp(wanted.params, *limits), wanted)

    def parts(self, node: onnx.NodeProto, params: Params, write: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Return the outputs of a node that has several, written once."""
        key = (node.output[0], params)
        if key not in self._parts:
            self._parts[key] = write()
        return self._parts[key]

    def floating(self, tensor: str, reason: str = OUTPUT_REASON) -> str:
        """Return a tensor in floating point, or of whatever type it is, writing the nodes that compute it."""
        producer = self.graph.producers.get(tensor)
        if producer is not None:
            self._reasons.setdefault(producer.output[0], reason)
        for node in self._needed(tensor):
            self._copy_float(node)
        return self._float_name(tensor)

    def _integer(self, tensor: str, params: Params) -> str:
        if tensor in self.graph.constants:
            return self.writer.constant(f"{tensor}_stored", params.quantize(self.graph.constants[tensor]))
        node = self.graph.producers.get(tensor)
        if node is None:
            if tensor not in self.inputs:
                raise NoIntegerFormError(f"the input {tensor} of the network is also used in floating point")
            alone = onnx.NodeProto(name=f"{tensor}_requantize")
            return self.requantize(Operand(tensor, self.inputs[tensor]), Wanted(alone, tensor, params))
        wanted = Wanted(node, tensor, params)
        stored = self.graph.dequantized(tensor)
        if stored is not None:
            return self.requantize(Operand(self._lowered(stored[0]), stored[1]), wanted)
        source = self._functions.source(tensor)
        if source is not None:
            table = params.quantize(self._functions.values(tensor, *source))
            return self._look_up(Operand(self._lowered(source[0]), source[1]), table, wanted)
        rule = RULES.get(node.op_type)
        if rule is None or node.domain not in ("", "ai.onnx"):
            raise NoIntegerFormError(f"{node.op_type} has no integer form")
        return rule(self, wanted)

    def _look_up(self, operand: Operand, table: Array, wanted: Wanted) -> str:
        if operand.params.type == wanted.params.type and is_identity(table, values_of(operand.params)):
            return operand.name
        output = self.fresh(wanted.tensor, wanted.params)
        self.writer.lookup(operand.name, operand.params.type, table, output, name=wanted.node.name)
        return output

    def _lowered(self, stored: str) -> str:
        """Return the lowered tensor of a stored one; what no QuantizeLinear gives is taken over as it is."""
        return self.stored[stored] if stored in self.stored else self.floating(stored)

    def _quantize_float(self, tensor: str, params: Params, reason: str, node: onnx.NodeProto) -> str:
        source = self.floating(tensor, reason)
        output = self.fresh(tensor, params)
        self.writer.copy(node, [source, *self.writer.quantization(params)], [output])
        self._made[tensor, params] = output
        return output

    def _needed(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the nodes that compute a float tensor from stored ones, in their order."""
        found: dict[int, onnx.NodeProto] = {}
        waiting = [tensor]
        while waiting:
            name = waiting.pop()
            node = self.graph.producers.get(name)
            if node is None or name in self._floats or name in self.stored or name in self.graph.constants:
                continue
            if self.graph.order[node.output[0]] not in found:
                found[self.graph.order[node.output[0]]] = node
                waiting.extend(item for item in node.input if item)
        return [found[index] for index in sorted(found)]

    def _copy_float(self, node: onnx.NodeProto) -> None:
        sources = [self._float_name(name) if name else "" for name in node.input]
        outputs = [self.writer.name(name) if name else "" for name in node.output]
        self._floats.update({old: new for old, new in zip(node.output, outputs, strict=True) if old})
        if node.op_type in MEANS and self._float_mean(node, outputs[0]):
            return
        written = self.writer.copy(node, sources, outputs)
        if node.op_type not in (QUANTIZE, DEQUANTIZE, *movement.PLAIN):
            reason = self._reasons.get(node.output[0], CHAIN_REASON)
            self.islands[written] = Island(written, node.op_type, reason)

    def _float_mean(self, node: onnx.NodeProto, output: str) -> bool:
        try:
            pooling.float_mean(self, node, output)
        except NoIntegerFormError:
            return False
        return True

    def _float_name(self, name: str) -> str:
        if name in self.stored:
            return self.stored[name]
        if name not in self._floats:
            if name in self.graph.constants:
                return self.writer.constant(name, self.graph.constants[name])
            self._floats[name] = self._input_as_float(name)
        return self._floats[name]

    def _input_as_float(self, name: str) -> str:
        """Return an input of the network in floating point, although it is handed over quantized."""
        if name not in self.inputs:
            return name
        output = self.writer.name(f"{name}_float")
        self.writer.node(DEQUANTIZE, [name, *self.writer.quantization(self.inputs[name])], [output], name=output)
        return output


def _quantized_inputs(graph: QdqGraph) -> dict[str, Params]:
    """Return the parameters of inputs that all their users quantize alike, at once or after moving elements."""
    found = {}
    for name in graph.inputs:
        users = _first_uses(graph, name)
        kinds = {graph.quantization(node) if node.op_type == QUANTIZE else None for node in users}
        if len(kinds) == 1 and graph.types[name] == "float32":
            (params,) = kinds
            if params is not None:
                found[name] = params
    return found


def _first_uses(graph: QdqGraph, name: str) -> list[onnx.NodeProto]:
    found, waiting = [], [name]
    while waiting:
        tensor = waiting.pop()
        for node in graph.consumers[tensor]:
            if node.op_type in movement.PLAIN and tensor not in graph.outputs:
                waiting.extend(node.output)
            else:
                found.append(node)
    return found
