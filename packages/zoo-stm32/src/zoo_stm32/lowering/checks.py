"""Own the refusal of models that cannot become integer firmware, before anything is built."""

from __future__ import annotations

import onnx

from zoo_core.errors import UserError
from zoo_stm32.lowering.qdq import ACTIVATION_TYPES, DEQUANTIZE, QUANTIZE, ZERO_POINT, input_name, opset_of

LEAST_OPSET = 13
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
HINTS = {
    "float": "Quantize it first, for example with operation_mode: chain_qb.",
    "operators": "Quantize the float model with quant_format QDQ, as this zoo's quantizer does.",
    "shape": "Export the model with fixed input sizes; only the batch axis may be free, and it becomes 1.",
    "bits": "Quantize activations to 8 bits: activType: Int8 (or UInt8).",
    "opset": f"Export or quantize with target_opset {LEAST_OPSET} or above.",
    "control": "Export the model without loops and conditions, for fixed input sizes.",
}


def refuse_unsuitable(model: onnx.ModelProto) -> None:
    """Refuse a model that is not an 8-bit QDQ graph of fixed shapes, naming every problem at once.

    Raises:
        UserError: When the model is float or in operator form, has free axes, more than 8 bits, loops or an old opset.
    """
    problems = [*_form(model), *_shapes(model), *_bits(model), *_versions(model), *_control_flow(model)]
    if not problems:
        return
    hint = "\n".join(dict.fromkeys(HINTS[kind] for kind, _ in problems))
    if len(problems) == 1:
        raise UserError(f"The model cannot become firmware: {problems[0][1]}.", hint=hint)
    lines = "".join(f"\n  {text}" for _, text in problems)
    raise UserError(f"The model cannot become firmware, for {len(problems)} reasons:{lines}", hint=hint)


def _form(model: onnx.ModelProto) -> list[tuple[str, str]]:
    operators = {node.op_type for node in model.graph.node}
    integer = sorted(name for name in operators if name.startswith(("QLinear", "QGemm")))
    if integer:
        return [("operators", f"it holds integer operators ({', '.join(integer)}) instead of QDQ pairs")]
    if not {QUANTIZE, DEQUANTIZE} <= operators:
        return [("float", "it is a float model, without QuantizeLinear and DequantizeLinear")]
    return []


def _shapes(model: onnx.ModelProto) -> list[tuple[str, str]]:
    constants = {tensor.name for tensor in model.graph.initializer}
    found = []
    for value in model.graph.input:
        if value.name in constants:
            continue
        if not value.type.tensor_type.HasField("shape"):
            found.append(("shape", f"input {value.name} has no shape"))
            continue
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if axis > 0 and size.dim_value <= 0:
                name = f" ({size.dim_param})" if size.dim_param else ""
                found.append(("shape", f"input {value.name} has no fixed length in axis {axis}{name}"))
    return found


def _bits(model: onnx.ModelProto) -> list[tuple[str, str]]:
    types = {
        tensor.name: onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name for tensor in model.graph.initializer
    }
    found = []
    for node in model.graph.node:
        if node.op_type == QUANTIZE:
            kind = types.get(input_name(node, ZERO_POINT), "int8")
            if kind not in ACTIVATION_TYPES:
                found.append(("bits", f"tensor {node.input[0]} is quantized to {kind}"))
    return found


def _versions(model: onnx.ModelProto) -> list[tuple[str, str]]:
    version = opset_of(model)
    return [] if version >= LEAST_OPSET else [("opset", f"it is in opset {version}; {LEAST_OPSET} is the oldest")]


def _control_flow(model: onnx.ModelProto) -> list[tuple[str, str]]:
    return [
        ("control", f"node {node.name or node.output[0]} is a {node.op_type}")
        for node in model.graph.node
        if node.op_type in CONTROL_FLOW
    ]


def fix_batch(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose inputs have batch 1 where the first axis was free; other shapes of it are forgotten."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_value <= 0:
            dims[0].dim_value = 1
    del fixed.graph.value_info[:]
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    return fixed
