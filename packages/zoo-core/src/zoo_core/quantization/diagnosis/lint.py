"""Own the inspection of a quantized graph for faults that can be seen without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from zoo_core.quantization.diagnosis.evidence import LAST_INT32, cut_biases
from zoo_core.quantization.diagnosis.islands import FLOATS, FUSED, LINEAR, element_types, float_islands
from zoo_core.quantization.diagnosis.qdq import DEQUANTIZE, QUANTIZE, Constant, QdqGraph, Quantization

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
NAMED = 3
"""Nodes or tensors that a message names before it counts the rest."""
NARROW_ACTIVATION = 255
"""Widest span of activations whose products are summed up in 32 bits; those of 16 bits get 64."""
BIAS_TOLERANCE = 1e-3
STANDARD_DOMAINS = ("", "ai.onnx")
COSTLY = LINEAR | {"LSTM", "GRU", "RNN"}
BIAS, WEIGHT = 2, 1
"""Positions among the inputs of a linear layer."""
EXCLUDED = "Look at nodes_to_exclude, nodes_to_quantize and op_types_to_quantize."


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """State one kind of fault with all the places it occurs at."""

    code: str
    """Short name such as `bias-overflow`."""
    severity: str
    """`error`: results are wrong; `warning`: accuracy or speed is lost; `note`: good to know."""
    names: tuple[str, ...]
    """Nodes or tensors, in the order of the graph."""
    message: str
    """What was found and what was expected."""
    hint: str
    """What to do."""

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.code}: {self.message} {self.hint}"


def lint(model: onnx.ModelProto) -> tuple[LintFinding, ...]:
    """Look for faults of a QDQ graph; what is the same at many places is one finding, the gravest come first."""
    graph = QdqGraph(model)
    if not any(node.op_type in (QUANTIZE, DEQUANTIZE) for node in model.graph.node):
        return (_not_quantized(),)
    found = [finding for check in CHECKS for finding in check(graph)]
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def _not_quantized() -> LintFinding:
    return LintFinding(
        code="not-quantized",
        severity=ERROR,
        names=(),
        message="The graph holds no QuantizeLinear or DequantizeLinear nodes.",
        hint="Quantize it first; graphs of QLinear operators are not looked into.",
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"


def _group(code: str, severity: str, names: Sequence[str], message: str, hint: str) -> Iterator[LintFinding]:
    """Yield one finding with the names that are concerned, or none; `{names}` and `{count}` stand in the message."""
    distinct = tuple(dict.fromkeys(names))
    if distinct:
        text = message.format(names=_listed(distinct), count=len(distinct))
        yield LintFinding(code=code, severity=severity, names=distinct, message=text, hint=hint)


def _quantizations(graph: QdqGraph) -> Iterator[tuple[str, Quantization]]:
    """Yield every scale once, with the tensor that it belongs to."""
    seen = set()
    for node in graph.graph.node:
        if node.op_type in (QUANTIZE, DEQUANTIZE) and tuple(node.input[1:]) not in seen:
            seen.add(tuple(node.input[1:]))
            found = graph.quantization(node)
            if found is not None:
                yield str(node.input[0] if node.op_type == QUANTIZE else node.output[0]), found


def check_scales(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find scales that are no positive normal number, and ranges that are infinite."""
    smallest = float(np.finfo(np.float32).tiny)
    bad, tiny, infinite = [], [], []
    for name, quantization in _quantizations(graph):
        scale = quantization.scale
        if not np.isfinite(scale).all() or (scale <= 0.0).any():
            bad.append(name)
        elif (scale < smallest).any():
            tiny.append(name)
        elif quantization.type != TensorProto.INT32 and quantization.magnitude > float(np.finfo(np.float32).max):
            infinite.append(name)
    yield from _group(
        "scale",
        ERROR,
        bad,
        "{count} tensors have a scale that is zero, negative, infinite or no number: {names}; expected a positive one.",
        "Check the weights and the calibration images for values that are not finite.",
    )
    yield from _group(
        "denormal-scale",
        ERROR,
        tiny,
        "{count} tensors have a scale below 1.2e-38, which processors flush to zero: {names}.",
        "Their values are practically 0: set optimize: True, or MinimumRealRange in onnx_extra_options.",
    )
    yield from _group(
        "infinite-range",
        ERROR,
        infinite,
        "{count} tensors have a range beyond the largest float: {names}.",
        "Check the weights and the calibration images for values that are not finite.",
    )


def check_ranges(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find activations that were 0 on all images, for which onnxruntime writes the scale 1."""
    names = []
    for node in graph.graph.node:
        found = graph.quantization(node) if node.op_type == QUANTIZE else None
        if found is not None and found.scale.size == 1 and found.scale[0] == 1.0 and found.zero_point[0] == 0:
            names.append(str(node.input[0]))
    yield from _group(
        "zero-range",
        WARNING,
        names,
        "{count} activations have the scale 1 that stands for a tensor without any range: {names}.",
        "They were 0 on all calibration images: use images like those of the task, or set optimize: True.",
    )


def check_dead_channels(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find channels of weights that hold nothing but zeros."""
    names = []
    for node in graph.layers:
        constant = graph.constant(node.input[WEIGHT]) if node.op_type in LINEAR and len(node.input) > 1 else None
        if constant is not None and constant.quantization.per_channel and not constant.quantization.block:
            axis = constant.quantization.axis % constant.integers.ndim
            others = tuple(index for index in range(constant.integers.ndim) if index != axis)
            if not constant.integers.any(axis=others).all():
                names.append(constant.name)
    yield from _group(
        "dead-channels",
        NOTE,
        names,
        "{count} weights have channels that are all 0: {names}.",
        "optimize: True removes them.",
    )


def check_biases(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find biases that do not fit 32 bits, sums that may not, and biases whose scale is not that of the products."""
    saturated, near, scaled = [], [], []
    for node in graph.layers:
        bias = graph.constant(node.input[BIAS]) if node.op_type in LINEAR and len(node.input) > BIAS else None
        if bias is None or bias.quantization.type != TensorProto.INT32:
            continue
        values = bias.integers.astype(np.int64)
        if cut_biases(bias):
            saturated.append(node.name)
        elif _sum_overflows(graph, node, values):
            near.append(node.name)
        if _scale_differs(graph, node, bias):
            scaled.append(node.name)
    yield from _group(
        "bias-overflow",
        ERROR,
        saturated,
        "{count} layers have a bias that does not fit 32 bits and was cut off: {names}.",
        "Their input or weight scales are tiny: set optimize: True, or list the layers in nodes_to_exclude.",
    )
    yield from _group(
        "sum-overflow",
        WARNING,
        near,
        "{count} layers can overflow 32 bits when bias and products add up: {names}.",
        "Their input or weight scales are tiny: set optimize: True, or list the layers in nodes_to_exclude.",
    )
    yield from _group(
        "bias-scale",
        ERROR,
        scaled,
        "{count} layers have a bias whose scale is not input scale times weight scale: {names}.",
        "Integer kernels take it for that product; quantize the model again.",
    )


def _sum_overflows(graph: QdqGraph, node: onnx.NodeProto, bias: np.ndarray) -> bool:
    """Tell whether the largest possible sum of products and bias leaves 32 bits."""
    weight, activation = graph.constant(node.input[WEIGHT]), graph.dequantizer(node.input[0])
    found = None if activation is None else graph.quantization(activation)
    if weight is None or found is None or found.levels[1] - found.levels[0] > NARROW_ACTIVATION:
        return False
    low, high = found.levels
    span = max(high - int(found.zero_point[0]), int(found.zero_point[0]) - low)
    products = _channel_sums(node, weight)
    return bool((np.abs(bias) + span * products > LAST_INT32).any())


def _channel_sums(node: onnx.NodeProto, weight: Constant) -> np.ndarray:
    """Return the sum of magnitudes of each output channel; for transposed convolutions an upper bound."""
    values = np.abs(weight.integers.astype(np.int64) - weight.quantization.zero_point.min())
    if node.op_type == "Conv":
        return np.asarray(values.reshape(len(values), -1).sum(axis=1))
    if node.op_type == "Gemm" and any(part.name == "transB" and part.i for part in node.attribute):
        return np.asarray(values.sum(axis=1))
    if node.op_type == "ConvTranspose":
        return np.asarray(values.sum(axis=(0, 2, 3)).max())
    return np.asarray(values.sum(axis=-2))


def _scale_differs(graph: QdqGraph, node: onnx.NodeProto, bias: Constant) -> bool:
    weight, activation = graph.constant(node.input[WEIGHT]), graph.dequantizer(node.input[0])
    found = None if activation is None else graph.quantization(activation)
    if weight is None or found is None or weight.quantization.block:
        return False
    expected = found.scale * weight.quantization.scale
    if bias.quantization.scale.size not in (1, expected.size) and expected.size != 1:
        return True
    return not np.allclose(bias.quantization.scale, expected, rtol=BIAS_TOLERANCE, atol=0.0)


def check_inputs(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find layers of which only a part is quantized."""
    types = element_types(graph.model)
    weights, activations, outputs = [], [], []
    for node in graph.layers:
        if node.op_type not in LINEAR:
            continue
        data = [name for name in node.input[:2] if types.get(name, TensorProto.FLOAT) in FLOATS]
        bare = [name for name in data if graph.dequantizer(name) is None]
        if len(bare) == len(data):
            continue
        weights += [node.name for name in bare if graph.tensor(name) is not None]
        activations += [node.name for name in bare if graph.tensor(name) is None]
        users = graph.consumers.get(node.output[0], [])
        if not bare and users and not all(user.op_type == QUANTIZE or user.op_type in FUSED for user in users):
            outputs.append(node.name)
    yield from _group(
        "float-weight",
        WARNING,
        weights,
        "{count} layers have quantized inputs but float weights: {names}; they are computed in float.",
        EXCLUDED,
    )
    yield from _group(
        "float-input",
        WARNING,
        activations,
        "{count} layers have quantized weights but float inputs: {names}; they are computed in float.",
        EXCLUDED,
    )
    yield from _group(
        "float-output",
        WARNING,
        outputs,
        "{count} layers have quantized inputs but a float output: {names}; they are computed in float.",
        EXCLUDED,
    )


def check_islands(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find layers in float between quantized ones, and those before and behind."""
    partial = {name for finding in check_inputs(graph) for name in finding.names}
    inside: list[onnx.NodeProto] = []
    ends: list[onnx.NodeProto] = []
    for island in float_islands(graph):
        (inside if island.inside else ends).extend(node for node in island.nodes if node.name not in partial)
    for code, nodes, place in (
        ("float-island", inside, "between quantized ones"),
        ("float-ends", ends, "before or behind the quantized ones"),
    ):
        kinds = ", ".join(f"{count} {name}" for name, count in Counter(node.op_type for node in nodes).most_common())
        costly = code == "float-island" and any(node.op_type in COSTLY for node in nodes)
        yield from _group(
            code,
            WARNING if costly else NOTE,
            [node.name or node.output[0] for node in nodes],
            f"{{count}} layers {place} are computed in float ({kinds}): {{names}}.",
            EXCLUDED if costly else "Harmless for accuracy; boards without a float unit are slow at them.",
        )


def check_batch_norms(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find batch norms that were not folded into a convolution."""
    yield from _group(
        "batch-norm",
        WARNING,
        [node.name for node in graph.layers if node.op_type == "BatchNormalization"],
        "{count} batch norms are left: {names}; expected them folded into the convolution before.",
        "Set optimize: True, or export the model in evaluation mode.",
    )


def check_operators(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find operators outside the standard, and a standard in two versions."""
    versions = sorted({entry.version for entry in graph.model.opset_import if entry.domain in STANDARD_DOMAINS})
    yield from _group(
        "mixed-opsets",
        ERROR,
        [str(version) for version in versions] if len(versions) > 1 else [],
        "The graph is written in {count} opsets at once: {names}; expected one.",
        "Convert the model anew with quantization.target_opset.",
    )
    nodes = [node for node in graph.graph.node if node.domain not in STANDARD_DOMAINS]
    kinds = _listed([f"{node.domain}.{node.op_type}" for node in {node.op_type: node for node in nodes}.values()])
    yield from _group(
        "other-operators",
        WARNING,
        [node.name or node.output[0] for node in nodes],
        f"{{count}} operators are not in the ONNX standard ({kinds}): {{names}}; other runtimes refuse them.",
        "Use target_opset: 21 instead of UseQDQContribOps, or another export.",
    )


def check_batch(graph: QdqGraph) -> Iterator[LintFinding]:
    """Find inputs whose number of images is free."""
    names = [
        value.name
        for value in graph.graph.input
        if value.name in graph.inputs
        and value.type.tensor_type.shape.dim
        and value.type.tensor_type.shape.dim[0].dim_value < 1
    ]
    yield from _group(
        "dynamic-batch",
        NOTE,
        names,
        "The number of images is free for: {names}.",
        "Tools for boards take 1; others want it fixed before.",
    )


CHECKS: tuple[Callable[[QdqGraph], Iterator[LintFinding]], ...] = (
    check_scales,
    check_biases,
    check_inputs,
    check_batch_norms,
    check_ranges,
    check_islands,
    check_operators,
    check_dead_channels,
    check_batch,
)
