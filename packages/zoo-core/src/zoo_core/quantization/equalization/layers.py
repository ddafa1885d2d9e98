"""Own the common form of convolutions and matrix products: a weight per output channel and input channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.quantization.equalization.graph_editor import Array, GraphEditor, attribute

Floats = npt.NDArray[np.float64]
WEIGHT, BIAS = 1, 2
MATRIX = 2


@dataclass(frozen=True, slots=True)
class LinearLayer:
    """Describe a Conv, ConvTranspose, Gemm or MatMul whose weight is a constant that no other node reads."""

    node: onnx.NodeProto
    groups: int
    shape: tuple[int, ...]
    """Shape of the weight as it is stored."""

    @property
    def source(self) -> str:
        """Return the name of the tensor it reads."""
        return str(self.node.input[0])

    @property
    def target(self) -> str:
        """Return the name of the tensor it makes."""
        return str(self.node.output[0])

    @property
    def channel_axis(self) -> int:
        """Return the axis of the channels, of input and output alike."""
        return 1 if self.is_convolution else -1

    @property
    def is_convolution(self) -> bool:
        """Tell whether it slides over an image."""
        return self.node.op_type in ("Conv", "ConvTranspose")

    @property
    def takes_bias(self) -> bool:
        """Tell whether the node has a place for a bias."""
        return bool(self.node.op_type != "MatMul")

    @property
    def is_padded(self) -> bool:
        """Tell whether it reads zeros around the image, or writes beyond it."""
        if not self.is_convolution:
            return False
        automatic = attribute(self.node, "auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER")
        return automatic or any(attribute(self.node, "pads", [])) or self.node.op_type == "ConvTranspose"

    def input_channels(self) -> npt.NDArray[np.int64]:
        """Return which input channel each weight [output, position] belongs to, of shape (1 or outputs, positions)."""
        outputs, positions = self._sizes()
        if self.groups == 1:
            return np.arange(positions)[None]
        group = np.arange(outputs) // (outputs // self.groups)
        return np.asarray(group[:, None] * positions + np.arange(positions)[None])

    def read_weight(self, editor: GraphEditor) -> Floats:
        """Return the weight as float64 of shape (outputs, inputs of a group, kernel elements)."""
        stored = editor.constant(self.node.input[WEIGHT])
        if stored is None:
            msg = f"the weight of {self.node.name} is not constant"
            raise ValueError(msg)
        return self._to_common(stored.astype(np.float64)) * self._factor("alpha")

    def write_weight(self, editor: GraphEditor, weight: Floats) -> None:
        """Store a weight of the common form."""
        editor.write_input(self.node, WEIGHT, self._to_stored(weight / self._factor("alpha")).astype(np.float32))

    def read_bias(self, editor: GraphEditor) -> Floats:
        """Return the bias of shape (outputs,), zeros where there is none."""
        outputs, _ = self._sizes()
        stored = editor.read_input(self.node, BIAS) if self.takes_bias else None
        if stored is None:
            return np.zeros(outputs)
        return self._factor("beta") * np.broadcast_to(stored.astype(np.float64).reshape(-1), (outputs,))

    def write_bias(self, editor: GraphEditor, bias: Floats) -> None:
        """Store a bias of shape (outputs,); none is added when there was none and all are zero."""
        if not self.takes_bias or (editor.read_input(self.node, BIAS) is None and not bias.any()):
            return
        editor.write_input(self.node, BIAS, (bias / self._factor("beta")).astype(np.float32))

    def _factor(self, name: str) -> float:
        return float(attribute(self.node, name, 1.0)) if self.node.op_type == "Gemm" else 1.0

    def _sizes(self) -> tuple[int, int]:
        """Return the number of outputs and of input channels that one output sees."""
        if self.node.op_type == "Conv":
            return self.shape[0], self.shape[1]
        if self.node.op_type == "ConvTranspose":
            return self.shape[1] * self.groups, self.shape[0] // self.groups
        return (self.shape[0], self.shape[1]) if self._transposed else (self.shape[1], self.shape[0])

    @property
    def _transposed(self) -> bool:
        return bool(self.node.op_type == "Gemm" and attribute(self.node, "transB", 0))

    def _to_common(self, stored: Floats) -> Floats:
        outputs, positions = self._sizes()
        if self.node.op_type == "ConvTranspose":
            split = stored.reshape(self.groups, positions, outputs // self.groups, -1)
            return split.transpose(0, 2, 1, 3).reshape(outputs, positions, -1)
        if not self.is_convolution:
            stored = stored if self._transposed else stored.T
        return stored.reshape(outputs, positions, -1)

    def _to_stored(self, weight: Floats) -> Array:
        outputs, positions = self._sizes()
        if self.node.op_type == "ConvTranspose":
            split = weight.reshape(self.groups, outputs // self.groups, positions, -1)
            return split.transpose(0, 2, 1, 3).reshape(self.shape)
        if self.is_convolution:
            return weight.reshape(self.shape)
        return weight[:, :, 0] if self._transposed else weight[:, :, 0].T


def find_layers(editor: GraphEditor) -> Iterator[LinearLayer]:
    """Yield the layers of a graph in order of computation."""
    for node in editor.nodes:
        layer = as_layer(editor, node)
        if layer is not None:
            yield layer


def as_layer(editor: GraphEditor, node: onnx.NodeProto) -> LinearLayer | None:
    """Return the layer that a node is, or nothing when its weight is computed, shared, or it computes more."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return None
    weight = editor.read_input(node, WEIGHT)
    if weight is None or not editor.is_private(node.input[WEIGHT]) or weight.dtype != np.float32:
        return None
    bias = editor.read_input(node, BIAS)
    if len(node.input) > BIAS and node.input[BIAS] and (bias is None or not _fits(node, weight, bias)):
        return None
    if node.op_type in ("Conv", "ConvTranspose"):
        return LinearLayer(node, int(attribute(node, "group", 1)), weight.shape)
    if weight.ndim != MATRIX or attribute(node, "transA", 0) or 0.0 in _factors(node):
        return None
    return LinearLayer(node, 1, weight.shape)


def _factors(node: onnx.NodeProto) -> tuple[float, float]:
    return attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)


def _fits(node: onnx.NodeProto, weight: Array, bias: Array) -> bool:
    """Tell whether a bias has one value per output channel, or one for all."""
    if node.op_type != "Gemm":
        return True
    outputs = weight.shape[0 if attribute(node, "transB", 0) else 1]
    return bias.size in (1, outputs) and (bias.ndim == 0 or bias.shape[-1] == bias.size)
