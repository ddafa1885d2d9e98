"""Own the way from a lowered graph to C sources: generate, read, fold, share, place, write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from zoo_core.errors import ZooError
from zoo_core.protocols import Progress
from zoo_stm32.artifacts import ArenaPlan, CNetwork, LoweredModel
from zoo_stm32.network.arena import Buffer, plan_arena
from zoo_stm32.network.csource import Source, read_source
from zoo_stm32.network.folding import BoundFunction, fold_constants, hoist_arrays
from zoo_stm32.network.generator import generate_c, generator_version
from zoo_stm32.network.graph import Array, Graph, Node, is_weight, read_graph, tensor_of
from zoo_stm32.network.kernels import is_own, own_function, own_inputs
from zoo_stm32.network.layers import describe_layers, function_name
from zoo_stm32.network.neutral import NeutralModel, neutral_model
from zoo_stm32.network.render import (
    StoredConstant,
    place_of,
    render_data,
    render_entry,
    render_header,
    render_source,
)
from zoo_stm32.network.rounding import cheapen_rounding
from zoo_stm32.network.sharing import Sharing, share_storage
from zoo_stm32.network.support import check_operators

STAGES = 4
EMPTY_SOURCE = Source((), {}, {}, {}, ())


@dataclass(frozen=True, slots=True)
class _Code:
    """Hold the layers that run, in order."""

    source: Source
    nodes: tuple[Node, ...]
    functions: tuple[BoundFunction, ...]
    scratch: Mapping[str, tuple[int, int]]
    """Bytes and step of each local array that became part of the arena."""


def generate(lowered: LoweredModel, progress: Progress) -> CNetwork:
    """Turn a lowered graph into C99 sources with one arena.

    Raises:
        UserError: When the graph has operators that cannot become C; all of them are named.
        MissingError: When emx-onnx-cgen is not installed.
        ZooError: When emx-onnx-cgen fails or writes something that is not understood.
    """
    with progress.track("C code", STAGES) as task:
        graph = read_graph(lowered)
        check_operators(graph)
        neutral = neutral_model(graph, lowered.model)
        task.advance(1)
        source = read_source(generate_c(neutral)) if neutral.nodes else EMPTY_SOURCE
        task.advance(1)
        sharing = share_storage(graph)
        code = _code(graph, source, neutral, sharing)
        plan = _plan(graph, code, sharing)
        task.advance(1)
        network = _write(lowered, graph, code, sharing, plan)
        task.advance(1)
    return network


def _code(graph: Graph, source: Source, neutral: NeutralModel, sharing: Sharing) -> _Code:
    """Bring generated functions and our own into the order of the graph."""
    generated = _generated(source, neutral, graph)
    nodes = tuple(
        node for node in graph.nodes if node.index not in sharing.dropped and (is_own(node) or node.index in generated)
    )
    functions = []
    scratch: dict[str, tuple[int, int]] = {}
    for position, node in enumerate(nodes):
        bound = _own(node, graph) if is_own(node) else generated[node.index]
        bound = cheapen_rounding(node, fold_constants(bound, graph.constants))
        bound, local = hoist_arrays(bound, f"{node.name}: ")
        scratch |= {name: (size, node.index) for name, size in local.items()}
        functions.append(BoundFunction(replace(bound.function, name=function_name(node, position)), bound.arguments))
    return _Code(source, nodes, tuple(functions), scratch)


def _own(node: Node, graph: Graph) -> BoundFunction:
    return BoundFunction(own_function(node, graph), (*own_inputs(node), node.outputs[0]))


def _generated(source: Source, neutral: NeutralModel, graph: Graph) -> dict[int, BoundFunction]:
    """Return the generated function of each node, its arguments with their original names."""
    found: dict[int, BoundFunction] = {}
    for call in source.calls:
        node = neutral.nodes.get(call.function.partition("_")[2])
        if node is None or node.index in found:
            raise _not_understood(f"the function {call.function} belongs to no layer")
        arguments = tuple(_original(argument, neutral) for argument in call.arguments)
        function = source.functions[call.function]
        for parameter, name in zip(function.parameters, arguments, strict=True):
            if parameter.elements != prod(tensor_of(graph, name).shape):
                raise _not_understood(f"'{name}' of the layer '{node.name}' has {parameter.elements} elements")
        found[node.index] = BoundFunction(function, arguments)
    return found


def _original(argument: str, neutral: NeutralModel) -> str:
    word = argument.rpartition("_")[2]
    if word not in neutral.names:
        raise _not_understood(f"the argument {argument} is no tensor of the graph")
    return neutral.names[word]


def _not_understood(what: str) -> ZooError:
    msg = f"The generated C code does not fit the graph: {what}."
    return ZooError(
        msg, hint='Install the version that is known to work, pip install "emx-onnx-cgen==1.4.0", or report this.'
    )


def _plan(graph: Graph, code: _Code, sharing: Sharing) -> ArenaPlan:
    """Place what is in the arena; the plan then names every tensor, also those that share bytes."""
    storages = [storage for storage in sharing.storages if storage.place == "arena"]
    buffers = [Buffer(storage.name, storage.size, storage.first, storage.last) for storage in storages]
    buffers += [Buffer(name, size, step, step) for name, (size, step) in code.scratch.items()]
    plan = plan_arena(buffers, steps=[node.name for node in graph.nodes])
    shared = {tensor: plan.offsets[storage.name] for storage in storages for tensor in storage.tensors}
    sizes = {tensor: graph.tensors[tensor].bytes for tensor in shared}
    return replace(plan, offsets={**plan.offsets, **shared}, sizes={**plan.sizes, **sizes})


def _write(lowered: LoweredModel, graph: Graph, code: _Code, sharing: Sharing, plan: ArenaPlan) -> CNetwork:
    stored, symbols = _stored(graph, code.functions)
    sizes = {name: (constant.symbol, constant.value.nbytes) for name, constant in symbols.items()}
    places = {name: constant.symbol for name, constant in symbols.items()}
    places |= {name: f"base + {plan.offsets[name]}" for name in code.scratch}
    places |= {tensor: place_of(storage, plan.offsets.get(tensor, 0)) for tensor, storage in sharing.of_tensor.items()}
    layers = describe_layers(code.nodes, code.functions, graph, sizes)
    entry = render_entry(code.functions, places)
    version = generator_version()
    return CNetwork(
        header=render_header(lowered.inputs, lowered.outputs, plan, version),
        source=render_source(code.source, code.functions, layers, stored, entry),
        data_source=render_data(stored),
        inputs=lowered.inputs,
        outputs=lowered.outputs,
        layers=layers,
        plan=plan,
        weight_bytes=sum(constant.value.nbytes for constant in stored),
        generator=version,
        constant_bytes=sum(constant.value.nbytes for constant in stored if not constant.weights),
    )


def _stored(
    graph: Graph, functions: Sequence[BoundFunction]
) -> tuple[tuple[StoredConstant, ...], dict[str, StoredConstant]]:
    """Return the constants to store, equal ones once, and which of them each constant of the graph is."""
    unique: dict[tuple[str, bytes], StoredConstant] = {}
    of_name: dict[str, StoredConstant] = {}
    used = dict.fromkeys(name for bound in functions for name in bound.arguments if name in graph.constants)
    for name in used:
        value: Array = np.ascontiguousarray(graph.constants[name])
        key = (value.dtype.name, value.tobytes())
        if key not in unique:
            unique[key] = StoredConstant(f"zoo_constant_{len(unique)}", value, is_weight(value))
        of_name[name] = unique[key]
    return tuple(unique.values()), of_name
