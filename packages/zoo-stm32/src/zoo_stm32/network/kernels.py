"""Own the C of the layers that the code generator does not know: copies, and the private operators of `zoo.stm32`.

The arithmetic is that of `zoo_stm32.lowering.operators`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from zoo_core.errors import ZooError
from zoo_stm32.lowering.operators import DOMAIN, MEAN_POOL, SOFTMAX, TABLE_LOOKUP
from zoo_stm32.network.csource import Function, Parameter
from zoo_stm32.network.graph import C_TYPES, Graph, Node, Tensor, tensor_of

COPIES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")
"""Operators of ONNX that keep the order of the elements in memory."""
LIMITS = {"int8": ("-128", "127"), "uint8": ("0", "255")}
PRIVATE = (TABLE_LOOKUP, MEAN_POOL, SOFTMAX)


def is_copy(node: Node) -> bool:
    """Tell whether a layer only gives another shape or name to the same bytes."""
    return not node.domain and node.op_type in COPIES


def is_own(node: Node) -> bool:
    """Tell whether the C of a layer is written here and not by the code generator."""
    return is_copy(node) or (node.domain == DOMAIN and node.op_type in PRIVATE)


def own_inputs(node: Node) -> tuple[str, ...]:
    """Return the tensors and constants that the function of such a layer takes before its output."""
    return node.inputs[:1] if is_copy(node) else node.inputs


def own_function(node: Node, graph: Graph) -> Function:
    """Write the function of a layer for which `is_own` holds; parameters are its inputs and its output.

    Raises:
        ZooError: When a private operator has tensors of other types than it may have.
    """
    if is_copy(node):
        return _copy(node, graph)
    _check_private(node, graph)
    kernels: Mapping[str, Callable[[Node, Graph], Function]] = {
        TABLE_LOOKUP: _table_lookup,
        MEAN_POOL: _mean_pool,
        SOFTMAX: _softmax,
    }
    return kernels[node.op_type](node, graph)


def float_literal(value: float) -> str:
    """Return a single precision number as a C literal without any rounding."""
    digits, _, exponent = float(np.float32(value)).hex().partition("p")
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}p{exponent}f"


def _check_private(node: Node, graph: Graph) -> None:
    types = {tensor_of(graph, name).type for name in (node.inputs[0], node.outputs[0])}
    if not types <= set(LIMITS):
        msg = f"The layer '{node.name}' ({DOMAIN}.{node.op_type}) has tensors of type {', '.join(sorted(types))}."
        raise ZooError(msg, hint="Please report this with the model: only int8 and uint8 were expected.")


def _flat(name: str, tensor: Tensor, *, constant: bool = True) -> Parameter:
    return Parameter(name, C_TYPES[tensor.type], (prod(tensor.shape),), constant)


def _function(node: Node, graph: Graph, names: tuple[str, ...], lines: list[str]) -> Function:
    inputs = (_flat(name, tensor_of(graph, given)) for name, given in zip(names, own_inputs(node), strict=True))
    output = _flat("output", tensor_of(graph, node.outputs[0]), constant=False)
    return Function(f"own{node.index}", (*inputs, output), "\n".join(["", *(f"    {line}" for line in lines), ""]))


def _copy(node: Node, graph: Graph) -> Function:
    count = prod(tensor_of(graph, node.outputs[0]).shape)
    lines = [f"for (idx_t i = 0; i < {count}; ++i) {{", "    output[i] = input[i];", "}"]
    return _function(node, graph, ("input",), lines)


def _table_lookup(node: Node, graph: Graph) -> Function:
    source = tensor_of(graph, node.inputs[0])
    index = "input[i] + 128" if source.type == "int8" else "input[i]"
    lines = [f"for (idx_t i = 0; i < {prod(source.shape)}; ++i) {{", f"    output[i] = table[{index}];", "}"]
    return _function(node, graph, ("input", "table"), lines)


def _store(target: str, place: str, scaled: str, zero_point: int) -> list[str]:
    """Return the lines that round a float half to even, add the zero point, saturate and store."""
    low, high = LIMITS[target]
    return [
        f"int32_t value = (int32_t)nearbyintf({scaled}) + ({zero_point});",
        f"value = value < {low} ? {low} : value > {high} ? {high} : value;",
        f"{place} = ({C_TYPES[target]})value;",
    ]


def _indented(lines: list[str], depth: int) -> list[str]:
    return [f"{'    ' * depth}{line}" for line in lines]


def _mean_pool(node: Node, graph: Graph) -> Function:
    source, target = tensor_of(graph, node.inputs[0]), tensor_of(graph, node.outputs[0])
    attributes = node.attributes
    (height, width), (out_height, out_width) = source.shape[-2:], target.shape[-2:]
    (kernel_h, kernel_w), (stride_h, stride_w) = attributes["kernel_shape"], attributes["strides"]
    top, left = attributes["pads"][:2]
    planes = prod(source.shape[:-2])
    whole = attributes["count_include_pad"]
    count = f"{kernel_h * kernel_w}" if whole else "(bottom - top) * (right - left)"
    scaled = f"((float)sum * {float_literal(attributes['ratio'])}) / (float)count"
    window = [
        f"idx_t top = oy * {stride_h} - {top}, bottom = top + {kernel_h};",
        f"idx_t left = ox * {stride_w} - {left}, right = left + {kernel_w};",
        "int32_t sum = 0;",
        "int32_t count;",
        "top = top < 0 ? 0 : top;",
        "left = left < 0 ? 0 : left;",
        f"bottom = bottom > {height} ? {height} : bottom;",
        f"right = right > {width} ? {width} : right;",
        f"count = {count};",
        "for (idx_t y = top; y < bottom; ++y) {",
        "    for (idx_t x = left; x < right; ++x) {",
        f"        sum += (int32_t)plane[y * {width} + x] - ({attributes['x_zero_point']});",
        "    }",
        "}",
        *_store(target.type, f"output[(c * {out_height} + oy) * {out_width} + ox]", scaled, attributes["y_zero_point"]),
    ]
    lines = [
        f"for (idx_t c = 0; c < {planes}; ++c) {{",
        f"    const {C_TYPES[source.type]} *plane = input + c * {height * width};",
        f"    for (idx_t oy = 0; oy < {out_height}; ++oy) {{",
        f"        for (idx_t ox = 0; ox < {out_width}; ++ox) {{",
        *_indented(window, 3),
        "        }",
        "    }",
        "}",
    ]
    return _function(node, graph, ("input",), lines)


def _softmax(node: Node, graph: Graph) -> Function:
    source, target = tensor_of(graph, node.inputs[0]), tensor_of(graph, node.outputs[0])
    attributes = node.attributes
    axis = attributes["axis"]
    length, inner = source.shape[axis], prod(source.shape[axis + 1 :])
    scaled = f"((float)e * {float_literal(attributes['factor'])}) / (float)sum"
    row = [
        f"const idx_t base = o * {length * inner} + n;",
        "int32_t top = input[base];",
        "int32_t sum = 0;",
        f"for (idx_t i = 1; i < {length}; ++i) {{",
        f"    top = input[base + i * {inner}] > top ? input[base + i * {inner}] : top;",
        "}",
        f"for (idx_t i = 0; i < {length}; ++i) {{",
        f"    sum += table[top - input[base + i * {inner}]];",
        "}",
        f"for (idx_t i = 0; i < {length}; ++i) {{",
        f"    const int32_t e = table[top - input[base + i * {inner}]];",
        *_indented(_store(target.type, f"output[base + i * {inner}]", scaled, attributes["y_zero_point"]), 1),
        "}",
    ]
    lines = [
        f"for (idx_t o = 0; o < {prod(source.shape[:axis])}; ++o) {{",
        f"    for (idx_t n = 0; n < {inner}; ++n) {{",
        *_indented(row, 2),
        "    }",
        "}",
    ]
    return _function(node, graph, ("input", "table"), lines)
