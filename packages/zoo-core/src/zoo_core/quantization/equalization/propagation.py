"""Own which operators let a factor per channel through, and how elements of their inputs become those of outputs.

An operator not named here fixes what it reads and makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx

from zoo_core.quantization.equalization.elements import (
    FIXED,
    BoundedTensor,
    Elements,
    Labels,
    ScaledConstant,
    Shape,
    along,
    compress,
)
from zoo_core.quantization.equalization.graph_editor import Array, GraphEditor, attribute
from zoo_core.quantization.equalization.layers import as_layer

Rule = Callable[["Propagation", onnx.NodeProto], "Labels | None"]
"""Return the labels of the first output, or nothing when the node lets no factor through."""
IGNORING = ("Shape", "Size")
"""Operators whose result does not depend on the values they read."""


def propagate(editor: GraphEditor, shapes: Mapping[str, Shape]) -> Elements:
    """Return the elements of a graph; `shapes` holds those of all floating-point tensors for one image."""
    walk = Propagation(editor, shapes)
    for name in editor.inputs:
        walk.give(name, None)
    for node in editor.nodes:
        walk.visit(node)
    for name in editor.outputs | editor.captured:
        walk.fix(name)
    return walk.elements


class Propagation:
    """Walk through a graph in order of computation."""

    def __init__(self, editor: GraphEditor, shapes: Mapping[str, Shape]) -> None:
        self.editor = editor
        self.shapes = shapes
        self.elements = Elements(shapes)

    def labels(self, name: str) -> Labels | None:
        """Return the labels of a computed tensor; nothing for constants and integers."""
        return self.elements.labels.get(name)

    def give(self, name: str, labels: Labels | None) -> None:
        """Set the labels of a tensor; without any it is fixed."""
        shape = self.shapes.get(name)
        if shape is not None:
            fixed = np.full((1,) * len(shape), FIXED)
            self.elements.labels[name] = fixed if labels is None else compress(labels)

    def fix(self, name: str) -> None:
        """Fix the factors of a tensor."""
        labels = self.labels(name)
        if labels is not None:
            self.elements.fix(labels)

    def visit(self, node: onnx.NodeProto) -> None:
        """Give labels to the outputs of a node."""
        if node.op_type in IGNORING:
            return
        if node.op_type == "Split":
            found = split(self, node)
            if found is not None:
                for name, part in zip(node.output, found, strict=True):
                    self.give(name, part)
                return
        rule = RULES.get(node.op_type) if not node.domain or node.domain == "ai.onnx" else None
        labels = rule(self, node) if rule is not None and not any(node.output[1:]) else None
        if labels is None:
            for name in node.input:
                self.fix(name)
            for name in node.output:
                self.give(name, None)
            return
        self.give(node.output[0], labels)

    def integers(self, node: onnx.NodeProto, position: int) -> list[int] | None:
        """Return a constant list of integers that a node takes, or nothing."""
        found = self.editor.read_input(node, position)
        return None if found is None else [int(value) for value in np.ravel(found)]


def _linear(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Make new elements for the outputs of a convolution or a matrix product."""
    layer, source = as_layer(walk.editor, node), walk.labels(node.input[0])
    if layer is None or source is None:
        return None
    count = walk.shapes[layer.source][layer.channel_axis]
    walk.elements.labels[layer.source] = along(
        walk.elements.channels(source, layer.channel_axis, count), layer.channel_axis, source.ndim
    )
    walk.elements.layers.append(layer)
    shape = walk.shapes[layer.target]
    return along(walk.elements.fresh(shape[layer.channel_axis]), layer.channel_axis, len(shape))


def _same(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Pass a function f with f(s x) = s f(x) for s > 0, value by value."""
    return walk.labels(node.input[0])


def _parametric(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    return walk.labels(node.input[0]) if walk.editor.read_input(node, 1) is not None else None


def _clip(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels, low, high = walk.labels(node.input[0]), *(walk.editor.read_input(node, position) for position in (1, 2))
    if labels is None or low is None or low.size != 1 or float(low.item()) != 0.0:
        return None
    if len(node.input) > 2 and node.input[2]:  # noqa: PLR2004  # the place of the upper bound
        if high is None or high.size != 1 or not float(high.item()) > 0.0:
            return None
        bound = BoundedTensor(node, node.input[0], float(high.item()), labels)
        walk.elements.bounded.append(bound)
    return labels


def _sum(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Join the summands; constants among them follow the factors."""
    found = [walk.labels(name) for name in node.input]
    moving = [labels for labels in found if labels is not None]
    if not moving or any(
        labels is None and walk.editor.constant(name) is None for labels, name in zip(found, node.input, strict=True)
    ):
        return None
    rank = len(walk.shapes[node.output[0]])
    moving = [labels.reshape((1,) * (rank - labels.ndim) + labels.shape) for labels in moving]
    for labels in moving[1:]:
        walk.elements.join(moving[0], labels)
    joined = np.broadcast_arrays(*moving)[0] if len(moving) > 1 else moving[0]
    for position, own in enumerate(found):
        if own is None:
            walk.elements.constants.append(ScaledConstant(node, position, compress(joined)))
    return joined


def _product(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Pass the factors of one operand; the other, a gate or a constant, keeps factor 1."""
    first, second = (walk.labels(name) for name in node.input)
    constants = [walk.editor.constant(name) is not None for name in node.input]
    if first is not None and constants[1]:
        return first
    if second is not None and constants[0]:
        return second if node.op_type == "Mul" else None
    if first is None or second is None:
        return None
    carrier, gate = (second, first) if _is_gate(walk, node) and node.op_type == "Mul" else (first, second)
    walk.elements.fix(gate)
    return carrier


def _is_gate(walk: Propagation, node: onnx.NodeProto) -> bool:
    """Tell whether the first factor is the gate: it is smaller, or fixed anyway while the second is not."""
    sizes = [int(np.prod(walk.shapes[name])) for name in node.input]
    if sizes[0] != sizes[1]:
        return sizes[0] < sizes[1]
    first, second = (walk.elements.labels[name] for name in node.input)
    return walk.elements.is_fixed(first) and not walk.elements.is_fixed(second)


def _pool(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    if labels is None:
        return None
    for axis in range(2, labels.ndim):
        labels = walk.elements.merge_axis(labels, axis)
    return labels


def _reduce(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    axes = attribute(node, "axes") if len(node.input) == 1 else walk.integers(node, 1)
    if labels is None or axes is None:
        return None
    axes = [axis % labels.ndim for axis in axes]
    for axis in axes:
        labels = walk.elements.merge_axis(labels, axis)
    return labels if attribute(node, "keepdims", 1) else labels.squeeze(tuple(axes))


def _concat(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    found = [walk.labels(name) for name in node.input]
    rank, axis = len(walk.shapes[node.output[0]]), int(attribute(node, "axis"))
    parts = []
    for name, labels in zip(node.input, found, strict=True):
        if labels is None:
            return None
        shape = list(labels.shape)
        shape[axis] = walk.shapes[name][axis]
        parts.append(np.broadcast_to(labels, shape))
    common = np.broadcast_shapes(*(part.take([0], axis=axis).shape for part in parts))
    spread = []
    for part in parts:
        shape = list(common)
        shape[axis % rank] = part.shape[axis]
        spread.append(np.broadcast_to(part, shape))
    return np.concatenate(spread, axis=axis)


def split(walk: Propagation, node: onnx.NodeProto) -> list[Labels] | None:
    """Return the labels of every output of a Split, whose sizes are those of its outputs."""
    labels, axis = walk.labels(node.input[0]), int(attribute(node, "axis", 0))
    if labels is None:
        return None
    whole = _full_along(walk, node.input[0], labels, axis)
    ends = np.cumsum([walk.shapes[name][axis] for name in node.output])[:-1]
    return list(np.split(whole, ends, axis=axis))


def _slice(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    starts, ends = walk.integers(node, 1), walk.integers(node, 2)
    if labels is None or starts is None or ends is None:
        return None
    axes = walk.integers(node, 3) if len(node.input) > 3 and node.input[3] else list(range(len(starts)))  # noqa: PLR2004
    steps = walk.integers(node, 4) if len(node.input) > 4 else [1] * len(starts)  # noqa: PLR2004
    if axes is None or steps is None:
        return None
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        whole = _full_along(walk, node.input[0], labels, axis)
        last = None if step < 0 and end < -whole.shape[axis] else end
        chosen: list[slice] = [slice(None)] * labels.ndim
        chosen[axis] = slice(start, last, step)
        labels = whole[tuple(chosen)]
    return labels


def _gather(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels, chosen = walk.labels(node.input[0]), walk.editor.read_input(node, 1)
    if labels is None or chosen is None:
        return None
    axis = int(attribute(node, "axis", 0))
    return _full_along(walk, node.input[0], labels, axis).take(chosen, axis=axis)


def _reshape(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    if labels is None:
        return None
    return np.broadcast_to(labels, walk.shapes[node.input[0]]).reshape(walk.shapes[node.output[0]])


def _transpose(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    return None if labels is None else labels.transpose(attribute(node, "perm"))


def _rearrange(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Follow SpaceToDepth and DepthToSpace by their definition as reshape and transposition."""
    labels, size = walk.labels(node.input[0]), int(attribute(node, "blocksize"))
    if labels is None:
        return None
    batch, channels, height, width = walk.shapes[node.input[0]]
    whole = np.broadcast_to(labels, (batch, channels, height, width))
    if node.op_type == "SpaceToDepth":
        split = whole.reshape(batch, channels, height // size, size, width // size, size)
        return split.transpose(0, 3, 5, 1, 2, 4).reshape(walk.shapes[node.output[0]])
    if attribute(node, "mode", b"DCR") == b"DCR":
        split = whole.reshape(batch, size, size, channels // size**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        split = whole.reshape(batch, channels // size**2, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
    return split.reshape(walk.shapes[node.output[0]])


def _pad(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    """Pass padding of height and width by zeros or by the image itself; zeros elsewhere are elements of their own."""
    labels, pads, value = walk.labels(node.input[0]), walk.integers(node, 1), walk.editor.read_input(node, 2)
    plain = attribute(node, "mode", b"constant") != b"constant" or value is None or not np.any(value)
    if labels is None or pads is None or not plain or len(pads) != 2 * labels.ndim or min(pads) < 0:
        return None
    for axis, (before, after) in enumerate(zip(pads[: labels.ndim], pads[labels.ndim :], strict=True)):
        if not before and not after:
            continue
        if labels.shape[axis] == 1 and axis > 1:
            continue
        if attribute(node, "mode", b"constant") != b"constant":
            labels = walk.elements.merge_axis(labels, axis)
            continue
        whole = _full_along(walk, node.input[0], labels, axis)
        blank = [along(walk.elements.fresh(count), axis, labels.ndim) for count in (before, after)]
        shapes = [(*whole.shape[:axis], count, *whole.shape[axis + 1 :]) for count in (before, after)]
        first, last = (np.broadcast_to(part, shape) for part, shape in zip(blank, shapes, strict=True))
        labels = np.concatenate([first, whole, last], axis=axis)
    return labels


def _resize(walk: Propagation, node: onnx.NodeProto) -> Labels | None:
    labels = walk.labels(node.input[0])
    if labels is None or attribute(node, "coordinate_transformation_mode", b"") == b"tf_crop_and_resize":
        return None
    for axis, (before, after) in enumerate(zip(walk.shapes[node.input[0]], walk.shapes[node.output[0]], strict=True)):
        if before != after:
            labels = walk.elements.merge_axis(labels, axis)
    return labels


def _full_along(walk: Propagation, name: str, labels: Labels, axis: int) -> Array:
    shape = list(labels.shape)
    if shape[axis] == 1:
        shape[axis] = walk.shapes[name][axis]
    return np.broadcast_to(labels, shape)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul"), _linear),
    **dict.fromkeys(("Relu", "LeakyRelu", "Identity", "Dropout", "Neg", "Abs"), _same),
    "PRelu": _parametric,
    "Clip": _clip,
    **dict.fromkeys(("Add", "Sub", "Sum", "Max", "Min"), _sum),
    **dict.fromkeys(("Mul", "Div"), _product),
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), _pool),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"), _reduce),
    "Concat": _concat,
    "Slice": _slice,
    "Gather": _gather,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _rearrange),
    "Pad": _pad,
    **dict.fromkeys(("Resize", "Upsample"), _resize),
}
