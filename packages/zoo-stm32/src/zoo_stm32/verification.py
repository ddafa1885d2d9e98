"""Own the comparison of firmware with onnxruntime: the same bytes for the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from zoo_stm32.artifacts import Execution, IoTensor, LoweredModel
from zoo_stm32.firmware import Golden
from zoo_stm32.lowering import as_runnable

if TYPE_CHECKING:
    from zoo_core.protocols import Progress

SEED = 0
Run = Callable[[Sequence[bytes]], Execution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Report how the outputs of firmware and onnxruntime differ."""

    golden: Golden
    """The first inputs with onnxruntime's outputs, and a tolerance that covers what differed."""
    first: Execution
    """Execution of the first inputs, which is the one that is counted."""
    inputs: int
    """Number of sets of inputs that were compared."""
    values: int
    different: int
    """Output values that differ."""
    largest: float
    """Largest difference, in steps of the output's quantization, or in its own unit when it is not quantized."""

    @property
    def exact(self) -> bool:
        """Tell whether every output value was the same."""
        return self.different == 0


def golden_data(lowered: LoweredModel, count: int) -> list[Golden]:
    """Return seeded inputs, spread over the whole range of their type, and what onnxruntime makes of them."""
    generator = np.random.default_rng(SEED)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact sums on processors without VNNI
    runnable = as_runnable(lowered).SerializeToString()
    session = onnxruntime.InferenceSession(runnable, options, providers=["CPUExecutionProvider"])
    data = []
    for _ in range(count):
        inputs = [_draw(tensor, generator) for tensor in lowered.inputs]
        feed = {tensor.name: value for tensor, value in zip(lowered.inputs, inputs, strict=True)}
        outputs = session.run([tensor.name for tensor in lowered.outputs], feed)
        data.append(Golden(inputs=_bytes(inputs), outputs=_bytes(outputs)))
    return data


def compare(lowered: LoweredModel, data: Sequence[Golden], run: Run, progress: Progress, title: str) -> Comparison:
    """Run firmware on inputs and compare every output value with onnxruntime's."""
    executions: list[Execution] = []
    values = different = 0
    largest = 0.0
    with progress.track(title, len(data)) as bar:
        for golden in data:
            executions.append(run(golden.inputs))
            for tensor, found, wanted in zip(lowered.outputs, executions[-1].outputs, golden.outputs, strict=True):
                gap = _gap(tensor, found, wanted)
                values += gap.size
                different += int(np.count_nonzero(gap))
                largest = max(largest, float(gap.max(initial=0.0)))
            bar.advance()
    return Comparison(
        golden=replace(data[0], tolerance=largest),
        first=executions[0],
        inputs=len(data),
        values=values,
        different=different,
        largest=largest,
    )


def _draw(tensor: IoTensor, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    if not tensor.quantized:
        return generator.standard_normal(tensor.shape).astype(tensor.type)
    limits = np.iinfo(tensor.type)
    return generator.integers(limits.min, limits.max, tensor.shape, dtype=tensor.type, endpoint=True)


def _bytes(values: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(np.ascontiguousarray(value).tobytes() for value in values)


def _gap(tensor: IoTensor, found: bytes, wanted: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    pair = (np.frombuffer(data, tensor.type).astype(np.float64) for data in (found, wanted))
    one, other = pair
    return np.where(one == other, 0.0, np.abs(one - other))
