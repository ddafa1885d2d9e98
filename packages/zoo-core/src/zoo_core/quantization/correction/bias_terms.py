"""Own the reading and shifting of the bias of one quantized layer, in whichever form the graph holds it."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import helper, numpy_helper

from zoo_core.quantization.correction.integers import LIMITS, Floats, IntegerConstant, find_integers
from zoo_core.quantization.correction.layers import BIAS_INPUT, LinearLayer
from zoo_core.quantization.correction.wiring import DEQUANTIZE, Wiring, attribute_of, wire


def read_bias(model: onnx.ModelProto, layer: LinearLayer) -> Floats | None:
    """Return what a layer adds: one number per channel, or a single 0 without bias; nothing where it is computed."""
    if layer.bias is None:
        return np.zeros(1)
    wiring = wire(model.graph)
    integers = find_integers(wiring, layer.bias)
    stored = wiring.constants.get(layer.bias)
    if integers is not None:
        return integers.value().reshape(-1) * _beta(layer)
    return None if stored is None else numpy_helper.to_array(stored).astype(np.float64).reshape(-1) * _beta(layer)


def can_shift(model: onnx.ModelProto, layer: LinearLayer) -> bool:
    """Tell whether a layer has a bias of its own with a number per channel, or can be given one."""
    if layer.bias is None:
        return layer.node.op_type != "MatMul" and _beta(layer) != 0.0
    wiring = wire(model.graph)
    integers = find_integers(wiring, layer.bias)
    stored = wiring.constants.get(layer.bias) if integers is None else integers.stored
    alone = wiring.only_consumer(layer.bias) is not None
    return stored is not None and alone and math.prod(stored.dims) == layer.channels and _beta(layer) != 0.0


def shift_bias(model: onnx.ModelProto, layer: LinearLayer, shift: Floats) -> Floats:
    """Add a number per channel to what a layer gives, and return what was added after rounding and clipping.

    An integer bias keeps its scale. A layer without bias gets one whose scale is that of its input times that of its
    weights, as onnxruntime writes them, or a float one where the input is not quantized. Nothing is added to a layer
    that cannot be shifted.
    """
    if not can_shift(model, layer):
        return np.zeros_like(shift)
    wiring = wire(model.graph)
    wanted = shift / _beta(layer)
    if layer.bias is None:
        return _add_bias(model, layer, wanted, wiring) * _beta(layer)
    integers = find_integers(wiring, layer.bias)
    if integers is not None:
        return _shift_integers(integers, wanted) * _beta(layer)
    return _shift_floats(wiring.constants[layer.bias], wanted) * _beta(layer)


def _beta(layer: LinearLayer) -> float:
    """Return the factor that a Gemm multiplies its bias by."""
    return float(str(attribute_of(layer.node, "beta", 1.0)))


def _shift_integers(bias: IntegerConstant, shift: Floats) -> Floats:
    before = bias.read()
    low, high = LIMITS[bias.type]
    after = np.clip(before + np.rint(shift.reshape(before.shape) / bias.scale), low, high).astype(np.int64)
    bias.write(after)
    return ((after - before) * bias.scale).reshape(-1)


def _shift_floats(bias: onnx.TensorProto, shift: Floats) -> Floats:
    before = numpy_helper.to_array(bias)
    after = (before + shift.reshape(before.shape)).astype(before.dtype)
    bias.CopyFrom(numpy_helper.from_array(after, bias.name))
    added: Floats = (after.astype(np.float64) - before).reshape(-1)
    return added


def _add_bias(model: onnx.ModelProto, layer: LinearLayer, shift: Floats, wiring: Wiring) -> Floats:
    """Give a layer a bias it did not have."""
    name = _free_name(f"{layer.name}_bias", wiring)
    scale = _bias_scale(layer, wiring)
    if scale is None:
        model.graph.initializer.append(numpy_helper.from_array(shift.astype(np.float32), name))
        _connect(layer, name)
        return shift
    low, high = LIMITS[onnx.TensorProto.INT32]
    integers = np.clip(np.rint(shift / scale), low, high).astype(np.int32)
    zero = np.zeros(scale.shape if scale.size > 1 else (), np.int32)
    tensors = {"": integers, "_scale": scale.astype(np.float32), "_zero_point": zero}
    names = [f"{name}_quantized{suffix}" for suffix in tensors]
    model.graph.initializer.extend(
        numpy_helper.from_array(value, title) for title, value in zip(names, tensors.values(), strict=True)
    )
    domain = wiring.producers[layer.node.input[1]].domain
    axis = {"axis": 0} if scale.size > 1 else {}
    node = helper.make_node(DEQUANTIZE, names, [name], f"{name}_{DEQUANTIZE}", domain=domain, **axis)
    _connect(layer, name)
    model.graph.node.insert(0, node)
    return integers * scale


def _connect(layer: LinearLayer, bias: str) -> None:
    """Make a new tensor the bias of a layer."""
    del layer.node.input[BIAS_INPUT:]
    layer.node.input.append(bias)


def _bias_scale(layer: LinearLayer, wiring: Wiring) -> Floats | None:
    """Return the scale of the input times that of the weights; its size is 1 or one per channel."""
    maker = wiring.producers.get(layer.node.input[0])
    stored = wiring.constants.get(maker.input[1]) if maker is not None and maker.op_type == DEQUANTIZE else None
    if stored is None or math.prod(stored.dims) != 1 or layer.weight.scale.size not in (1, layer.channels):
        return None
    scale: Floats = layer.weight.scale.reshape(-1) * float(numpy_helper.to_array(stored).item())
    return scale


def _free_name(name: str, wiring: Wiring) -> str:
    while name in wiring.constants or name in wiring.producers or f"{name}_quantized" in wiring.constants:
        name += "_"
    return name
