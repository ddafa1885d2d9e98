"""Own the comparison of firmware with onnxruntime: the same bytes for the same inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from zoo_stm32.artifacts import Execution, IoTensor, LoweredModel
from zoo_stm32.firmware import Golden
from zoo_stm32.lowering import as_runnable

if TYPE_CHECKING:
    from zoo_core.protocols import Progress

SEED = 0
STEPS_OF_MATH = 1.0
"""Steps that another library of mathematical functions may move a quantized output behind a float island."""
SHARE_OF_MATH = 1e-5
"""The same for an output that is not quantized, as a share of its largest magnitude."""
Run = Callable[[Sequence[bytes]], Execution]
Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Report how one output of firmware and onnxruntime differs over all inputs."""

    tensor: IoTensor
    values: int
    different: int
    largest: float
    """In steps of the quantization, else in the output's own unit; infinite where only one side is a finite number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Report how the outputs of firmware and onnxruntime differ."""

    golden: Golden
    """The first inputs with onnxruntime's outputs, and the tolerance of a test that is made of them."""
    first: Execution
    """Execution of the first inputs, which is the one that is counted."""
    inputs: int
    """Number of sets of inputs that were compared."""
    gaps: tuple[Gap, ...]
    """One for each output."""

    @property
    def exact(self) -> bool:
        """Tell whether every output value was the same."""
        return not any(gap.different for gap in self.gaps)

    @property
    def finite(self) -> bool:
        """Tell whether every difference can be stated as a number."""
        return all(math.isfinite(gap.largest) for gap in self.gaps)


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
    executions = []
    with progress.track(title, len(data)) as bar:
        for golden in data:
            executions.append(run(golden.inputs))
            bar.advance()
    gaps = tuple(
        _gap(
            tensor,
            found=[execution.outputs[index] for execution in executions],
            wanted=[golden.outputs[index] for golden in data],
        )
        for index, tensor in enumerate(lowered.outputs)
    )
    tolerance = max(map(_tolerance, gaps, data[0].outputs), default=0.0) if lowered.islands else 0.0
    golden = replace(data[0], tolerance=tolerance)
    return Comparison(golden=golden, first=executions[0], inputs=len(data), gaps=gaps)


def _draw(tensor: IoTensor, generator: np.random.Generator) -> Values:
    if tensor.type == "bool":
        return generator.integers(0, 2, tensor.shape).astype(np.bool_)
    if not tensor.quantized:
        return generator.standard_normal(tensor.shape).astype(tensor.type)
    limits = np.iinfo(tensor.type)
    return generator.integers(limits.min, limits.max, tensor.shape, dtype=tensor.type, endpoint=True)


def _bytes(values: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(np.ascontiguousarray(value).tobytes() for value in values)


def _gap(tensor: IoTensor, found: Sequence[bytes], wanted: Sequence[bytes]) -> Gap:
    ours, theirs = _stored(tensor, b"".join(found)), _stored(tensor, b"".join(wanted))
    differ = (ours != theirs) & ~((ours != ours) & (theirs != theirs))  # noqa: PLR0124 - true for NaN alone
    one, other = ours[differ].astype(np.float64), theirs[differ].astype(np.float64)
    finite = np.isfinite(one) & np.isfinite(other)
    largest = float(np.abs(one[finite] - other[finite]).max(initial=0.0)) if finite.all() else math.inf
    return Gap(tensor=tensor, values=ours.size, different=int(np.count_nonzero(differ)), largest=largest)


def _tolerance(gap: Gap, golden: bytes) -> float:
    """Return what a test on another machine lets pass: what differed here, and what its math library may change."""
    if gap.tensor.quantized:
        return max(gap.largest, STEPS_OF_MATH)
    magnitudes = np.abs(_stored(gap.tensor, golden).astype(np.float64))
    return max(gap.largest, SHARE_OF_MATH * float(magnitudes[np.isfinite(magnitudes)].max(initial=0.0)))


def _stored(tensor: IoTensor, content: bytes) -> Values:
    return np.frombuffer(content, np.dtype(tensor.type).newbyteorder("<"))
