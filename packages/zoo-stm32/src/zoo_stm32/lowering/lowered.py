"""Own the lowering of a QDQ model as a whole: refuse, rewrite, name inputs and outputs, annotate every tensor."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx

from zoo_stm32.artifacts import IoTensor, LoweredModel
from zoo_stm32.lowering.checks import fix_batch, refuse_unsuitable
from zoo_stm32.lowering.forms import NoIntegerFormError
from zoo_stm32.lowering.probe import Array, observe
from zoo_stm32.lowering.qdq import QUANTIZE, Params, QdqGraph
from zoo_stm32.lowering.rewriting import Rewriter
from zoo_stm32.lowering.runnable import expand
from zoo_stm32.lowering.tidying import drop_views
from zoo_stm32.lowering.writer import describe


def lower(model: onnx.ModelProto) -> LoweredModel:
    """Turn a QDQ model into one of integer operators, for batch 1, with shape and type of every tensor.

    Inputs and outputs that are quantized next to the border are handed over as they are stored.

    Raises:
        UserError: When the model is not an 8-bit QDQ graph of fixed shapes, or onnxruntime cannot run it.
    """
    refuse_unsuitable(model)
    source = fix_batch(model)
    graph = QdqGraph(source)
    rewriter = Rewriter(graph)
    for node in graph.nodes:
        if node.op_type == QUANTIZE:
            rewriter.quantize(node)
    kinds = dict(_finish_outputs(rewriter))
    rewriter.writer.prune(graph.outputs)
    values = _observe(rewriter, source)
    drop_views(rewriter.writer, {name: value.shape for name, value in values.items()}, graph.outputs)
    return _assemble(rewriter, source, values, kinds)


def _finish_outputs(rewriter: Rewriter) -> Iterable[tuple[str, Params | None]]:
    """Write what the outputs need, give it their names, and return how each is quantized."""
    given: set[str] = set()
    for output in rewriter.graph.outputs:
        name, params = _output(rewriter, output)
        if name in given or name in rewriter.graph.inputs or name in rewriter.writer.constants:
            rewriter.writer.node("Identity", [name], [output], name=f"{output}_copy")
        elif name != output:
            rewriter.writer.rename(name, output)
            rewriter.stored = {old: output if new == name else new for old, new in rewriter.stored.items()}
        given.add(output)
        yield output, params


def _output(rewriter: Rewriter, output: str) -> tuple[str, Params | None]:
    params = rewriter.natural(output)
    if params is not None:
        try:
            return rewriter.integer(output, params), params
        except NoIntegerFormError as error:
            return rewriter.floating(output, str(error)), None
    return rewriter.floating(output), None


def _observe(rewriter: Rewriter, source: onnx.ModelProto) -> dict[str, Array]:
    inputs = [
        onnx.helper.make_tensor_value_info(
            name,
            onnx.helper.np_dtype_to_tensor_dtype(np.dtype(_input_type(rewriter, name))),
            rewriter.graph.shapes[name],
        )
        for name in rewriter.graph.inputs
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in rewriter.graph.outputs]
    return observe(expand(rewriter.writer.model(source, inputs, outputs)))


def _input_type(rewriter: Rewriter, name: str) -> str:
    return rewriter.inputs[name].type if name in rewriter.inputs else rewriter.graph.types[name]


def _assemble(
    rewriter: Rewriter, source: onnx.ModelProto, values: dict[str, Array], kinds: dict[str, Params | None]
) -> LoweredModel:
    graph, writer = rewriter.graph, rewriter.writer
    written = {name for node in writer.nodes for name in node.output if name}
    inner = sorted(written - set(graph.outputs))
    writer.types = {}
    model = writer.model(
        source,
        [describe(name, values[name]) for name in graph.inputs],
        [describe(name, values[name]) for name in graph.outputs],
    )
    model.graph.value_info.extend(describe(name, values[name]) for name in inner)
    known = written | set(graph.inputs)
    origins: dict[str, str] = {}
    for stored, name in rewriter.stored.items():
        if name in known:
            origins.setdefault(name, stored)
    return LoweredModel(
        model=model,
        inputs=tuple(_io(name, values[name], rewriter.inputs.get(name)) for name in graph.inputs),
        outputs=tuple(_io(name, values[name], kinds[name]) for name in graph.outputs),
        islands=tuple(rewriter.islands[node.name] for node in writer.nodes if node.name in rewriter.islands),
        origins=origins,
    )


def _io(name: str, value: Array, params: Params | None) -> IoTensor:
    shape, kind = tuple(int(size) for size in value.shape), str(value.dtype)
    if params is None:
        return IoTensor(name=name, type=kind, shape=shape)
    return IoTensor(name=name, type=kind, shape=shape, scale=params.scale, zero_point=params.zero_point)
