"""Own what is done to a graph before and after quantization: opset, folding, names of nodes, clean-up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import onnx
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process

import zoo_core
from zoo_core.errors import UserError
from zoo_core.export.onnx_file import load_onnx, remove_notes
from zoo_core.export.opset import change_opset, minimum_ir, opset_of
from zoo_core.export.quiet import quiet
from zoo_core.names import did_you_mean

SECTION = "quantization.onnx_quant_parameters"
CONTRIB_DOMAIN = "com.microsoft"


def prepare_graph(source: Path, opset: int, work_dir: Path) -> Path:
    """Write a copy with folded constants and batch norms, named nodes, known shapes and at least the given opset.

    Raises:
        UserError: When the graph cannot be written in that opset.
    """
    model = load_onnx(source)
    if opset_of(model) < opset:
        model = change_opset(model, opset)
    _free_initializers(model.graph)
    remove_notes(model)
    plain, prepared = work_dir / "plain.onnx", work_dir / "prepared.onnx"
    onnx.save(model, str(plain))
    with quiet():
        quant_pre_process(plain, prepared, skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    _name_nodes(model.graph)
    onnx.save(model, str(prepared))
    return prepared


def _free_initializers(graph: onnx.GraphProto) -> None:
    """Take weights out of the list of inputs, where files of old IR versions have them, so that they can be folded."""
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)


def _name_nodes(graph: onnx.GraphProto) -> None:
    taken = {node.name for node in graph.node}
    for index, node in enumerate(graph.node):
        if not node.name:
            name = f"{node.op_type}_{index}"
            while name in taken:
                name += "_"
            node.name = name


def select_nodes(model: onnx.ModelProto, patterns: Sequence[str] | None, key: str) -> list[str]:
    """Return the names of the nodes that any of the patterns fits; `*` and `?` stand for any text.

    Raises:
        UserError: When a pattern fits no node.
    """
    names = [node.name for node in model.graph.node]
    chosen: set[str] = set()
    for pattern in patterns or ():
        found = {name for name in names if fnmatchcase(name, pattern)}
        if not found:
            raise UserError(
                f'{SECTION}.{key}: no node of the model is called "{pattern}".',
                hint=did_you_mean(pattern, names) or f"The model has {', '.join(names[:5])}, ...",
            )
        chosen |= found
    return [name for name in names if name in chosen]


def select_operators(names: Iterable[str] | None) -> tuple[str, ...]:
    """Return the operators to quantize: the named ones, or all that onnxruntime can.

    Raises:
        UserError: When onnxruntime cannot quantize one of them.
    """
    possible = sorted({*QDQRegistry, *QLinearOpsRegistry})
    unknown = [name for name in names or () if name not in possible]
    if unknown:
        raise UserError(
            f"{SECTION}.op_types_to_quantize: {unknown[0]} cannot be quantized.",
            hint=did_you_mean(unknown[0], possible) or f"Possible are {', '.join(possible)}.",
        )
    return tuple(names) if names else tuple(possible)


def finish_graph(model: onnx.ModelProto, original: onnx.ModelProto) -> None:
    """Give a quantized graph the description of the original, and remove what onnxruntime left in it.

    That is: notes on nodes, names of operator sets that no node uses, and a file format newer than needed. Constants
    that several nodes share are repeated for each.
    """
    remove_notes(model)
    _separate_constants(model.graph)
    used = {node.domain for node in model.graph.node} | {"", "ai.onnx"}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    if CONTRIB_DOMAIN in used and CONTRIB_DOMAIN not in {entry.domain for entry in kept}:
        kept.append(onnx.helper.make_opsetid(CONTRIB_DOMAIN, 1))
    for field, content in (("opset_import", kept), ("metadata_props", list(original.metadata_props))):
        model.ClearField(field)
        getattr(model, field).extend(content)
    model.producer_name, model.producer_version = "zoo", zoo_core.__version__
    model.ir_version = minimum_ir(model)
    onnx.checker.check_model(model)


def _separate_constants(graph: onnx.GraphProto) -> None:
    """Give every node its own copy of a quantized constant, such as the factors inside GELU.

    onnxruntime cannot open models that share one when 8-bit products are to be summed up exactly: it then makes two
    constants of the same name out of it.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    users: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            users.setdefault(name, []).append((node, position))
    copies = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            for number, (user, position) in enumerate(users.get(node.output[0], ())[1:], start=1):
                copy = _copy_constant(graph, node, constants, number)
                user.input[position] = copy.output[0]
                copies.append(copy)
    nodes = [*copies, *graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _copy_constant(
    graph: onnx.GraphProto, node: onnx.NodeProto, constants: dict[str, onnx.TensorProto], number: int
) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name, copy.output[0] = f"{node.name}_{number}", f"{node.output[0]}_{number}"
    for position, name in enumerate(node.input):
        tensor = onnx.TensorProto()
        tensor.CopyFrom(constants[name])
        tensor.name = copy.input[position] = f"{name}_{number}"
        graph.initializer.append(tensor)
    return copy
