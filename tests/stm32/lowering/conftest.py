"""Own the making of small QDQ graphs by hand, and their comparison with what they are lowered to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_stm32.artifacts import LoweredModel
from zoo_stm32.lowering import as_runnable, lower

IMAGES = 4


@dataclass
class QdqBuilder:
    """Write a QDQ graph node by node; every activation gets another scale and zero point unless told."""

    kind: str = "int8"
    opset: int = 17
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(11)

    def constant(self, value: Any, name: str | None = None) -> str:
        name = name or f"const_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def parameters(self, scale: float | None, zero_point: int | None) -> list[str]:
        limits = np.iinfo(self.kind)
        scale = float(self.random.uniform(0.01, 0.05)) if scale is None else scale
        if zero_point is None:
            zero_point = int(self.random.integers(limits.min + 60, limits.max - 60))
        return [self.constant(np.float32(scale)), self.constant(np.array(zero_point, self.kind))]

    def input(self, name: str, shape: Sequence[int | str], **quantization: Any) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return self.quantized(name, **quantization)

    def quantized(self, name: str, scale: float | None = None, zero_point: int | None = None) -> str:
        parameters = self.parameters(scale, zero_point)
        self.nodes.append(
            helper.make_node("QuantizeLinear", [name, *parameters], [f"{name}_q"], name=f"{name}_quantize")
        )
        self.nodes.append(
            helper.make_node("DequantizeLinear", [f"{name}_q", *parameters], [f"{name}_dq"], name=f"{name}_dequantize")
        )
        return f"{name}_dq"

    def stored(self, values: np.ndarray, scale: Any, zero_point: Any, **options: Any) -> str:
        """Add a quantized constant and return its real values."""
        name = f"weight_{len(self.constants)}"
        inputs = [self.constant(values, f"{name}_q"), self.constant(np.float32(scale)), self.constant(zero_point)]
        self.nodes.append(helper.make_node("DequantizeLinear", inputs, [name], name=f"{name}_dequantize", **options))
        return name

    def weights(self, shape: Sequence[int], *, kind: str = "int8", channel_axis: int | None = None) -> str:
        limits = np.iinfo(kind)
        values = self.random.integers(limits.min, limits.max + 1, shape).astype(kind)
        if channel_axis is None:
            return self.stored(values, 0.004, np.array(int(limits.max) // 3, kind))
        count = shape[channel_axis]
        scales = self.random.uniform(0.002, 0.008, count).astype(np.float32)
        return self.stored(values, scales, np.zeros(count, kind), axis=channel_axis)

    def op(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op_type, inputs, [output], name=f"node_{output}", **attributes))
        return output

    def step(self, op_type: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add an operator whose result is quantized."""
        quantization = {key: attributes.pop(key) for key in ("scale", "zero_point") if key in attributes}
        return self.quantized(self.op(op_type, inputs, output, **attributes), **quantization)

    def finish(self, *outputs: str, kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
        self.outputs = [helper.make_tensor_value_info(name, kind, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "hand_made", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


@pytest.fixture
def qdq() -> Callable[..., QdqBuilder]:
    return QdqBuilder


def run_all(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run every node as it stands, without optimisation, and return all tensors."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    del exposed.graph.output[:]
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(exposed.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return feeds | dict(zip(names, session.run(names, feeds), strict=True))


@dataclass
class Comparison:
    """Hold a lowered model and how far each of its tensors is from the QDQ graph's."""

    lowered: LoweredModel
    local: dict[str, int]
    """Greatest difference in stored steps when each node reads what the QDQ graph holds."""
    overall: dict[str, int]
    """The same when the lowered graph runs as a whole."""
    real: float
    """Greatest difference of an output in real numbers."""

    @property
    def operators(self) -> Counter[str]:
        return Counter(node.op_type for node in self.lowered.model.graph.node)

    @property
    def exact(self) -> bool:
        return max(self.local.values()) == 0


def each_node_alone(lowered: LoweredModel) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Return the runnable graph with every stored tensor that a node reads handed over from outside."""
    model = as_runnable(lowered)
    types = {value.name: value for value in (*lowered.model.graph.value_info, *lowered.model.graph.output)}
    given = {name: f"{name}__given" for name in lowered.origins if name in types}
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = given.get(name, name)
    for name, outside in given.items():
        value = onnx.ValueInfoProto()
        value.CopyFrom(types[name])
        value.name = outside
        model.graph.input.append(value)
    return model, given


def random_inputs(lowered: LoweredModel, seed: int) -> dict[str, np.ndarray]:
    """Return real values that reach a little beyond what each input can store."""
    generator = np.random.default_rng(seed)
    feeds = {}
    for io in lowered.inputs:
        limits = np.iinfo(io.type) if io.quantized else None
        low, high = (
            ((limit - io.zero_point) * io.scale * 1.05 for limit in (limits.min, limits.max)) if limits else (-3, 3)
        )
        feeds[io.name] = generator.uniform(low, high, io.shape).astype(np.float32)
    return feeds


def compare_graphs(model: onnx.ModelProto, images: int = IMAGES, feeds: Any = None) -> Comparison:
    lowered = lower(model)
    runnable = as_runnable(lowered)
    alone, given = each_node_alone(lowered)
    local: dict[str, int] = {}
    overall: dict[str, int] = {}
    real = 0.0
    for seed in range(images):
        floats = feeds(lowered, seed) if feeds else random_inputs(lowered, seed)
        wanted = run_all(model, floats)
        stored = {io.name: io.quantize(floats[io.name]) for io in lowered.inputs}
        found = run_all(runnable, stored)
        nodes = run_all(alone, stored | {outside: wanted[lowered.origins[name]] for name, outside in given.items()})
        for name, origin in lowered.origins.items():
            truth = wanted[origin].astype(np.int64)
            assert found[name].shape == truth.shape
            assert found[name].dtype == wanted[origin].dtype
            overall[name] = max(overall.get(name, 0), int(np.abs(found[name] - truth).max()))
            local[name] = max(local.get(name, 0), int(np.abs(nodes[name] - truth).max()))
        for io in lowered.outputs:
            difference = np.abs(io.dequantize(found[io.name]) - wanted[io.name])
            real = max(real, float(difference.max()))
    return Comparison(lowered, local, overall, real)


@pytest.fixture
def compare() -> Callable[..., Comparison]:
    return compare_graphs


@pytest.fixture
def run_graph() -> Callable[..., dict[str, np.ndarray]]:
    return run_all
