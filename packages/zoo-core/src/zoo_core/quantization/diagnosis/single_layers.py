"""Own the graphs in which some layers alone are quantized, or alone are not."""

from __future__ import annotations

from collections.abc import Collection

import onnx
from onnx import numpy_helper

from zoo_core.errors import UserError
from zoo_core.export.opset import minimum_ir
from zoo_core.names import did_you_mean
from zoo_core.quantization.diagnosis.comparison import simulate
from zoo_core.quantization.diagnosis.islands import float_layers
from zoo_core.quantization.diagnosis.pairing import Layer, Pair, pair_graphs
from zoo_core.quantization.diagnosis.qdq import MARKERS, QdqGraph

INPUT = ""
"""Stands for the quantization of the model's input, which belongs to no layer."""
QUANTIZED, FLOAT = "/quantized", "/float"


def only_quantized(pair: Pair, name: str) -> onnx.ModelProto:
    """Return the float model with the stored weights of one layer, and its output rounded as in the quantized model.

    Every quantized tensor belongs to exactly one layer, the one that makes or holds it; `INPUT` stands for the
    input of the model. Metadata is that of the quantized model.
    """
    model = onnx.ModelProto()
    model.CopyFrom(pair.original.model)
    if name == INPUT:
        for tensor, given in zip(pair.quantized.inputs, pair.original.inputs, strict=True):
            _round_tensor(model.graph, pair.quantized, tensor, given)
    else:
        layer = next(layer for layer in pair.layers if layer.name == name)
        for position, _ in layer.constants:
            _store_weight(model.graph, pair.quantized, layer, position)
        for tensor, given in layer.outputs:
            _round_tensor(model.graph, pair.quantized, tensor, given)
    known = {entry.domain for entry in model.opset_import}
    model.opset_import.extend(entry for entry in pair.quantized.model.opset_import if entry.domain not in known)
    model.ir_version = max(minimum_ir(model), int(model.ir_version), int(pair.quantized.model.ir_version))
    model.ClearField("metadata_props")
    model.metadata_props.extend(pair.quantized.model.metadata_props)
    return model


def _store_weight(graph: onnx.GraphProto, quantized: QdqGraph, layer: Layer, position: int) -> None:
    target = next(node for node in graph.node if node.output[0] == layer.original.output[0])
    source = quantized.dequantizer(layer.quantized.input[position])
    if source is None:
        return
    node = onnx.NodeProto()
    node.CopyFrom(source)
    target.input[position] = node.output[0] = f"{layer.original.input[position]}{QUANTIZED}/{position}"
    node.name = node.output[0]
    _take_constants(graph, quantized, node)
    _insert(graph, [node], before=target)


def _round_tensor(graph: onnx.GraphProto, quantized: QdqGraph, tensor: str, given: str) -> None:
    """Put the quantization of a tensor of the quantized model behind the same tensor of a float graph."""
    for quantizer in quantized.quantizers(tensor)[:1]:
        maker = next((node for node in graph.node if given in node.output), None)
        if maker is None:
            nodes = simulate(quantizer, given, given + QUANTIZED)
            for node in graph.node:
                node.input[:] = [given + QUANTIZED if name == given else name for name in node.input]
        else:
            nodes = simulate(quantizer, given + FLOAT, given)
            maker.output[:] = [given + FLOAT if name == given else name for name in maker.output]
        for node in nodes:
            _take_constants(graph, quantized, node)
        _insert(graph, nodes, after=maker)


def _take_constants(graph: onnx.GraphProto, source: QdqGraph, node: onnx.NodeProto) -> None:
    """Copy the constants that a node reads from another graph, under names of their own."""
    present = {tensor.name for tensor in graph.initializer}
    for position, name in enumerate(node.input):
        tensor = source.tensor(name)
        if tensor is not None:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = node.input[position] = name + QUANTIZED
            if copy.name not in present:
                graph.initializer.append(copy)
                present.add(copy.name)


def _insert(
    graph: onnx.GraphProto,
    nodes: list[onnx.NodeProto],
    *,
    before: onnx.NodeProto | None = None,
    after: onnx.NodeProto | None = None,
) -> None:
    anchor = before or after
    outputs = [node.output[0] for node in graph.node]
    index = 0 if anchor is None else outputs.index(anchor.output[0]) + (1 if before is None else 0)
    for offset, node in enumerate(nodes):
        graph.node.insert(index + offset, node)


def without_quantization(
    quantized: onnx.ModelProto, original: onnx.ModelProto, node_names: Collection[str]
) -> onnx.ModelProto:
    """Return a quantized model in which the named layers compute in float, with their weights of the float model.

    It is what quantizing again without these layers would give: a tensor stays quantized as long as a quantized
    layer makes or reads it, and a ReLU or Clip that the range of a tensor stood for comes back where that range
    goes.

    Raises:
        UserError: When the quantized model has no layer of such a name.
    """
    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    pair = pair_graphs(model, original)
    layers = {layer.name: layer for layer in pair.layers}
    unknown = next((name for name in node_names if name not in layers), None)
    if unknown is not None:
        raise UserError(f'The quantized model has no layer "{unknown}".', hint=did_you_mean(unknown, layers))
    chosen = [layers[name] for name in layers if name in node_names]
    _Restoring(model, pair, chosen).restore()
    _drop_unused(model.graph)
    onnx.checker.check_model(model)
    return model


class _Restoring:
    """Change the graph of a pair, whose look-ups stay those of the beginning."""

    def __init__(self, model: onnx.ModelProto, pair: Pair, chosen: list[Layer]) -> None:
        self._graph = model.graph
        self._pair = pair
        self._chosen = chosen
        nodes = [*float_layers(pair.quantized), *(layer.quantized for layer in chosen)]
        self._floats = {node.output[0] for node in nodes}

    def restore(self) -> None:
        """Give the layers their float weights, and remove the quantization that only they needed."""
        for layer in self._chosen:
            for position, _ in layer.constants:
                self._restore_weight(layer, position)
        makers = {name: layer for layer in self._pair.layers for name, _ in layer.outputs}
        touched = [tensor for layer in self._chosen for tensor, _ in layer.outputs]
        touched += [
            self._pair.quantized.source(name)
            for layer in self._chosen
            for name in layer.quantized.input
            if self._pair.quantized.dequantizer(name) and self._pair.quantized.constant(name) is None
        ]
        for tensor in dict.fromkeys(touched):
            self._release(tensor, makers.get(tensor))

    def _restore_weight(self, layer: Layer, position: int) -> None:
        values = self._pair.original.array(layer.original.input[position])
        if values is None:
            return
        name = layer.original.input[position] + FLOAT
        if all(tensor.name != name for tensor in self._graph.initializer):
            self._graph.initializer.append(numpy_helper.from_array(values, name))
        layer.quantized.input[position] = name

    def _release(self, tensor: str, maker: Layer | None) -> None:
        """Remove the quantization of a tensor when no quantized layer makes or reads it."""
        producer = self._pair.quantized.producers.get(tensor)
        if producer is not None and producer.output[0] not in self._floats:
            return
        plain = ""
        for quantizer in self._pair.quantized.quantizers(tensor):
            for reader in self._pair.quantized.consumers.get(quantizer.output[0], ()):
                users = self._pair.quantized.consumers.get(reader.output[0], [])
                if all(user.op_type not in MARKERS and user.output[0] in self._floats for user in users):
                    plain = plain or self._activate(tensor, maker)
                    self._replace(reader, users, plain)

    def _replace(self, reader: onnx.NodeProto, users: list[onnx.NodeProto], plain: str) -> None:
        name = reader.output[0]
        for user in users:
            user.input[:] = [plain if given == name else given for given in user.input]
        if name in self._pair.quantized.outputs:
            reader.CopyFrom(onnx.helper.make_node("Identity", [plain], [name], reader.name))

    def _activate(self, tensor: str, maker: Layer | None) -> str:
        """Return the tensor behind the activation that its quantized range stood for, which is put back."""
        if maker is None or maker.original.output[0] == maker.outputs[0][1] or tensor != maker.outputs[0][0]:
            return tensor
        source = self._pair.original.producers[maker.outputs[0][1]]
        node = onnx.NodeProto()
        node.CopyFrom(source)
        node.input[0], node.output[0] = tensor, f"{tensor}/{source.op_type}"
        for position, name in enumerate(node.input):
            values = self._pair.original.array(name) if position else None
            if values is not None:
                node.input[position] = f"{node.output[0]}/{position}"
                self._graph.initializer.append(numpy_helper.from_array(values, node.input[position]))
        _insert(self._graph, [node], after=maker.quantized)
        return str(node.output[0])


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove markers that nothing reads any more, and constants without a reader."""
    outputs = {value.name for value in graph.output}
    while True:
        used = outputs | {name for node in graph.node for name in node.input}
        kept = [node for node in graph.node if node.op_type not in MARKERS or used.intersection(node.output)]
        if len(kept) == len(graph.node):
            break
        _keep(graph, "node", kept)
    _keep(graph, "initializer", [tensor for tensor in graph.initializer if tensor.name in used])


def _keep(graph: onnx.GraphProto, field: str, kept: list[onnx.NodeProto] | list[onnx.TensorProto]) -> None:
    copies = [type(part).FromString(part.SerializeToString()) for part in kept]
    graph.ClearField(field)
    getattr(graph, field).extend(copies)
