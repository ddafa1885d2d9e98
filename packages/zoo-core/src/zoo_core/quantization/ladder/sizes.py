"""Own the sizes of weights, by which a compression chooses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx

BITS = {
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.UINT8: 8,
    onnx.TensorProto.INT16: 16,
    onnx.TensorProto.UINT16: 16,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.INT64: 64,
    onnx.TensorProto.DOUBLE: 64,
}
OTHER_BITS = 32
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def weight_bytes(model: onnx.ModelProto) -> int:
    """Return the bytes that the constants of a model take, two 4-bit numbers in one byte."""
    return sum(_bytes(tensor) for tensor in model.graph.initializer)


def weights_by_size(model: onnx.ModelProto) -> tuple[tuple[str, int], ...]:
    """Return the weights of layers in a float model with their number of elements, the largest first."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    names = {node.input[1] for node in model.graph.node if node.op_type in WEIGHTED and node.input[1] in constants}
    sizes = {name: math.prod(constants[name].dims) for name in names}
    return tuple(sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0])))


def narrow_needed(sizes: Sequence[int], total: int, factor: float) -> int:
    """Return how many of the weights, given by their bytes from the largest on, must halve to reach a share of all.

    All of them when even that is not enough.
    """
    excess = total * (1.0 - factor)
    saved = 0.0
    for count, size in enumerate(sizes):
        if saved >= excess:
            return count
        saved += size / 2
    return len(sizes)


def _bytes(tensor: onnx.TensorProto) -> int:
    return (int(math.prod(tensor.dims)) * BITS.get(int(tensor.data_type), OTHER_BITS) + 7) // 8
