"""Own the making of small integer graphs and the running of them in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from zoo_stm32.artifacts import IoTensor, LoweredModel
from zoo_stm32.lowering import as_runnable

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
OPSETS = {"": 17, "com.microsoft": 1, "zoo.stm32": 1}


@dataclass
class GraphBuilder:
    """Collect nodes; `tensors` gives element type and shape of every activation."""

    tensors: dict[str, tuple[str, tuple[int, ...]]]

    def __post_init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.dice = np.random.default_rng(7)

    def constant(self, name: str, value: Any, kind: Any) -> str:
        self.constants[name] = np.array(value, kind)
        return name

    def scale(self, value: float, zero_point: int = 0, kind: Any = np.int8) -> list[str]:
        index = len(self.constants)
        return [self.constant(f"scale_{index}", value, np.float32), self.constant(f"zero_{index}", zero_point, kind)]

    def node(
        self, op_type: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **options: Any
    ) -> None:
        name = options.pop("name", f"{op_type} {len(self.nodes)}")
        self.nodes.append(helper.make_node(op_type, inputs, outputs, name=name, domain=domain, **options))

    def conv(self, source: str, target: str, weights: tuple[int, ...], *, bias: bool = True, **options: Any) -> None:
        """Append a QLinearConv with a scale for each channel and random int8 weights."""
        name, channels = f"conv_{target}", weights[0]
        values = self.dice.integers(-127, 128, weights)
        inputs = [
            *[source, *self.scale(0.02, 3)],
            self.constant(f"{name}.weight", values, np.int8),
            self.constant(f"{name}.scale", self.dice.uniform(0.001, 0.004, channels), np.float32),
            self.constant(f"{name}.zero", np.zeros(channels), np.int8),
            *self.scale(0.05, -5),
        ]
        if bias:
            inputs.append(self.constant(f"{name}.bias", self.dice.integers(-9000, 9000, channels), np.int32))
        self.node("QLinearConv", inputs, [target], name=name, **options)

    def lowered(self, inputs: Sequence[str], outputs: Sequence[str]) -> LoweredModel:
        values = {
            name: helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
            for name, (kind, shape) in self.tensors.items()
        }
        graph = helper.make_graph(
            self.nodes,
            "small",
            [values[name] for name in inputs],
            [values[name] for name in outputs],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
            value_info=[value for name, value in values.items() if name not in {*inputs, *outputs}],
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return LoweredModel(
            model=helper.make_model(graph, opset_imports=opsets, ir_version=8),
            inputs=tuple(self._io(name) for name in inputs),
            outputs=tuple(self._io(name) for name in outputs),
            islands=(),
            origins={},
        )

    def _io(self, name: str) -> IoTensor:
        kind, shape = self.tensors[name]
        return IoTensor(name=name, type=kind, shape=shape)


@pytest.fixture
def build() -> Callable[[Shapes], GraphBuilder]:
    return lambda tensors: GraphBuilder(dict(tensors))


@pytest.fixture
def onnxruntime_of() -> Callable[[LoweredModel], Callable[[Sequence[np.ndarray]], list[np.ndarray]]]:
    """Return a function that runs a lowered graph in onnxruntime, nothing optimised."""

    def of(lowered: LoweredModel) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        model = as_runnable(lowered)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        names = [io.name for io in lowered.inputs]
        return lambda values: session.run(None, dict(zip(names, values, strict=True)))

    return of
