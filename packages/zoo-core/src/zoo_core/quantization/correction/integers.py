"""Own the reading and writing of constants that a graph stores as integers with a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from zoo_core.quantization.correction.wiring import DEQUANTIZE, QUANTIZE, Wiring, attribute_of

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
LIMITS = {
    TensorProto.INT4: (-8, 7),
    TensorProto.UINT4: (0, 15),
    TensorProto.INT8: (-128, 127),
    TensorProto.UINT8: (0, 255),
    TensorProto.INT16: (-32768, 32767),
    TensorProto.UINT16: (0, 65535),
    TensorProto.INT32: (-(2**31), 2**31 - 1),
}

SYMMETRIC = (TensorProto.INT8, TensorProto.INT16)


@dataclass(frozen=True, slots=True)
class IntegerConstant:
    """Hold a constant as integers; its value is `(integers - zero_point) * scale`, element by element."""

    stored: onnx.TensorProto
    """Integer initializer, or the float one that the graph quantizes itself."""
    type: int
    scale: Floats
    """Same shape as the integers, or broadcastable to it."""
    zero_point: Integers
    axis: int | None
    """Axis along which scales differ."""

    @property
    def limits(self) -> tuple[int, int]:
        """Return the smallest and largest integer; without zero point, -128 is left out, as onnxruntime does."""
        low, high = LIMITS[self.type]
        return (-high if self.type in SYMMETRIC and not self.zero_point.any() else low), high

    def read(self) -> Integers:
        """Return the integers."""
        stored = numpy_helper.to_array(self.stored)
        if self.stored.data_type == TensorProto.FLOAT:
            return self.nearest(stored.astype(np.float64))
        integers: Integers = stored.astype(np.int64)
        return integers

    def value(self) -> Floats:
        """Return the numbers that the integers stand for."""
        return self.to_numbers(self.read())

    def to_numbers(self, integers: Integers) -> Floats:
        """Return the numbers that some integers stand for."""
        numbers: Floats = (integers - self.zero_point) * self.scale
        return numbers

    def nearest(self, numbers: Floats) -> Integers:
        """Return the integers nearest to some numbers, within the limits."""
        low, high = self.limits
        integers: Integers = np.clip(np.rint(numbers / self.scale) + self.zero_point, low, high).astype(np.int64)
        return integers

    def write(self, integers: Integers) -> None:
        """Store other integers of the same shape."""
        name = self.stored.name
        if self.stored.data_type == TensorProto.FLOAT:
            tensor = numpy_helper.from_array(self.to_numbers(integers).astype(np.float32), name)
        else:
            tensor = numpy_helper.from_array(integers.astype(helper.tensor_dtype_to_np_dtype(self.type)), name)
        self.stored.CopyFrom(tensor)


def find_integers(wiring: Wiring, tensor: str) -> IntegerConstant | None:
    """Return the integers behind a dequantized constant, or nothing when the tensor is none."""
    node = wiring.producers.get(tensor)
    if node is None or node.op_type != DEQUANTIZE or node.input[1] not in wiring.constants:
        return None
    source = node.input[0]
    maker = wiring.producers.get(source)
    if maker is not None and maker.op_type == QUANTIZE:
        source = maker.input[0]
    stored = wiring.constants.get(source)
    if stored is None:
        return None
    return _describe(node, stored, wiring)


def _describe(node: onnx.NodeProto, stored: onnx.TensorProto, wiring: Wiring) -> IntegerConstant | None:
    scale = numpy_helper.to_array(wiring.constants[node.input[1]]).astype(np.float64)
    zero = wiring.constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None  # noqa: PLR2004
    kind = zero.data_type if zero is not None else stored.data_type
    if kind not in LIMITS:
        return None
    zero_point = np.zeros(1, np.int64) if zero is None else numpy_helper.to_array(zero).astype(np.int64)
    shape = tuple(stored.dims)
    axis = int(str(attribute_of(node, "axis", 1)))
    block = int(str(attribute_of(node, "block_size", 0)))
    return IntegerConstant(
        stored=stored,
        type=kind,
        scale=_spread(scale, shape, axis, block),
        zero_point=_spread(zero_point, shape, axis, block),
        axis=axis % len(shape) if scale.size > 1 else None,
    )


def _spread(values: npt.NDArray[Any], shape: tuple[int, ...], axis: int, block: int) -> npt.NDArray[Any]:
    """Give scales or zero points a form that broadcasts against the integers."""
    if values.size == 1:
        return values.reshape((1,) * len(shape))
    if block:
        return np.repeat(values, block, axis=axis).take(range(shape[axis]), axis=axis)
    return values.reshape([-1 if position == axis % len(shape) else 1 for position in range(len(shape))])
