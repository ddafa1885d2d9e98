"""Own the removal of batch norms: folded into a neighbour where that is exact, otherwise written as convolutions."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from zoo_core.quantization.equalization.graph_editor import GraphEditor, attribute
from zoo_core.quantization.equalization.layers import Floats, LinearLayer, as_layer

IMAGE_RANK = 4


def remove_batch_norms(editor: GraphEditor, ranks: dict[str, int]) -> int:
    """Remove the batch norms whose numbers are constant and return their number; `ranks` are those of tensors."""
    count = 0
    for node in editor.nodes:
        affine = _affine(editor, node) if node.op_type == "BatchNormalization" else None
        if affine is None:
            continue
        scale, shift = affine
        if _fold_backward(editor, node, scale, shift) or _fold_forward(editor, node, scale, shift):
            editor.remove_node(node, node.input[0])
        elif ranks.get(node.input[0]) == IMAGE_RANK:
            _write_convolution(editor, node, scale, shift)
        else:
            continue
        count += 1
    return count


def _affine(editor: GraphEditor, node: onnx.NodeProto) -> tuple[Floats, Floats] | None:
    """Return factor and offset per channel, or nothing when they are computed or statistics are those of the batch."""
    numbers = [editor.read_input(node, position) for position in range(1, 5)]
    if attribute(node, "training_mode", 0) or any(node.output[1:]):
        return None
    known = [number.astype(np.float64) for number in numbers if number is not None]
    if len(known) < len(numbers):
        return None
    gamma, beta, mean, variance = known
    scale = gamma / np.sqrt(variance + float(attribute(node, "epsilon", 1e-5)))
    return scale, beta - mean * scale


def _fold_backward(editor: GraphEditor, node: onnx.NodeProto, scale: Floats, shift: Floats) -> bool:
    """Fold into the layer that makes the input, when nobody else reads that."""
    source = node.input[0]
    maker = editor.producers.get(source)
    layer = as_layer(editor, maker) if maker is not None else None
    if layer is None or not layer.takes_bias or not _is_read_once(editor, source):
        return False
    layer.write_weight(editor, layer.read_weight(editor) * scale[:, None, None])
    layer.write_bias(editor, layer.read_bias(editor) * scale + shift)
    return True


def _fold_forward(editor: GraphEditor, node: onnx.NodeProto, scale: Floats, shift: Floats) -> bool:
    """Fold into the layers that read the output, when they see no zeros around it."""
    target = node.output[0]
    if target in editor.outputs or target in editor.captured:
        return False
    layers: list[LinearLayer] = []
    for reader in editor.readers.get(target, ()):
        layer = as_layer(editor, reader)
        exact = layer is not None and layer.source == target and (not layer.is_padded or not shift.any())
        if layer is None or not exact or not (layer.takes_bias or not shift.any()):
            return False
        layers.append(layer)
    for layer in layers:
        weight, channels = layer.read_weight(editor), layer.input_channels()
        layer.write_bias(editor, layer.read_bias(editor) + (weight.sum(axis=2) * shift[channels]).sum(axis=1))
        layer.write_weight(editor, weight * scale[channels][:, :, None])
    return bool(layers)


def _write_convolution(editor: GraphEditor, node: onnx.NodeProto, scale: Floats, shift: Floats) -> None:
    """Replace a batch norm by the depthwise convolution of one point that computes the same."""
    name = node.name or node.output[0]
    weight = editor.add_constant(f"{name}_weight", scale.astype(np.float32).reshape(-1, 1, 1, 1))
    bias = editor.add_constant(f"{name}_bias", shift.astype(np.float32))
    node.CopyFrom(
        helper.make_node("Conv", [node.input[0], weight, bias], [node.output[0]], node.name, group=len(scale))
    )
    editor.index()


def _is_read_once(editor: GraphEditor, name: str) -> bool:
    return len(editor.readers.get(name, ())) == 1 and name not in editor.outputs and name not in editor.captured
