"""Own the graph that runs a float model, its quantized form and every quantized layer alone, and sums up errors.

Only two numbers per comparison leave the graph, so that memory does not grow with the model's activations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import onnx
from onnx import compose, helper

from zoo_core.export.opset import minimum_ir
from zoo_core.quantization.diagnosis.pairing import Layer, Pair
from zoo_core.quantization.diagnosis.qdq import DEQUANTIZE, QUANTIZE

WHOLE = "quantized/"
"""Prefix of everything of the quantized model."""
ALONE = "alone/"
"""Prefix of layers that are quantized while all before them is float."""
SUMS = "sums/"
SHARED_ATTRIBUTES = ("axis", "block_size")


@dataclass(slots=True)
class Comparison:
    """Build a graph of comparisons; a signal and a noise power come out for each key."""

    pair: Pair
    model: onnx.ModelProto = field(init=False)
    keys: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Key -> names of the sums of squares of the signal and of the noise."""
    shifts: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Key -> names of the mean and of the mean square of the difference, per image and channel."""
    channels: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Key -> names of the mean squares of the signal and of the noise, per image and channel."""
    _signals: dict[str, str] = field(default_factory=dict)
    _mean_squares: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Put the float and the quantized model side by side, with one input."""
        source, whole = self.pair.original.model, self.pair.quantized.model
        self.model = onnx.ModelProto()
        self.model.CopyFrom(source)
        graph, copied = self.model.graph, compose.add_prefix(whole, WHOLE).graph
        names = zip(self.pair.quantized.inputs, self.pair.original.inputs, strict=True)
        graph.node.extend(helper.make_node("Identity", [given], [WHOLE + name]) for name, given in names)
        graph.node.extend(copied.node)
        graph.initializer.extend(copied.initializer)
        known = {entry.domain for entry in self.model.opset_import}
        self.model.opset_import.extend(entry for entry in whole.opset_import if entry.domain not in known)
        graph.ClearField("value_info")
        self.model.ir_version = max(minimum_ir(self.model), int(whole.ir_version), int(source.ir_version))

    def compare(self, key: tuple[str, str], reference: str, tested: str) -> None:
        """Sum up the squares of a tensor, and of its difference to another of the same shape."""
        name = f"{SUMS}{len(self.keys)}"
        if reference not in self._signals:
            self._signals[reference] = f"{name}/signal"
            self._add("ReduceSumSquare", [reference], f"{name}/signal", keepdims=0)
        self._add("Sub", [reference, tested], f"{name}/difference")
        self._add("ReduceSumSquare", [f"{name}/difference"], f"{name}/noise", keepdims=0)
        self.keys[key] = (self._signals[reference], f"{name}/noise")

    def average(self, key: tuple[str, str]) -> None:
        """Take the means over height and width of a difference of images that is compared."""
        name = self.keys[key][1].removesuffix("/noise")
        self._add("GlobalAveragePool", [f"{name}/difference"], f"{name}/mean")
        self.shifts[key] = (f"{name}/mean", self._mean_square(f"{name}/difference"))

    def compare_channels(self, key: tuple[str, str], reference: str) -> None:
        """Take the power of each channel of an image that is compared, and of its noise."""
        name = self.keys[key][1].removesuffix("/noise")
        self.channels[key] = (self._mean_square(reference), self._mean_square(f"{name}/difference"))

    def _mean_square(self, tensor: str) -> str:
        name = f"{SUMS}mean_square/{tensor}"
        if name not in self._mean_squares:
            self._mean_squares.add(name)
            self._add("Mul", [tensor, tensor], f"{name}/square")
            self._add("GlobalAveragePool", [f"{name}/square"], name)
        return name

    def run_alone(self, layer: Layer) -> list[str]:
        """Add a copy of a layer with its stored weights and float inputs; return its outputs."""
        node = onnx.NodeProto()
        node.CopyFrom(layer.original)
        node.name = ALONE + layer.name
        for position, _ in layer.constants:
            node.input[position] = WHOLE + layer.quantized.input[position]
        outputs = [ALONE + name if name else "" for name in layer.original.output]
        del node.output[:]
        node.output.extend(outputs)
        self.model.graph.node.append(node)
        return outputs

    def quantize_like(self, tensor: str, quantizer: onnx.NodeProto) -> str:
        """Add a quantization of a tensor with the scale of a node of the quantized model; return its outcome."""
        name = f"{ALONE}{len(self.model.graph.node)}/{tensor}"
        nodes = simulate(quantizer, tensor, name, prefix=WHOLE)
        self.model.graph.node.extend(nodes)
        return name

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: int) -> None:
        self.model.graph.node.append(helper.make_node(operator, inputs, [output], output, **attributes))


def simulate(quantizer: onnx.NodeProto, tensor: str, outcome: str, *, prefix: str = "") -> list[onnx.NodeProto]:
    """Return a quantize and a dequantize node with the scale of another quantize node.

    Args:
        quantizer: Node that the scale, the zero point and the attributes are taken from.
        tensor: Tensor that is quantized.
        outcome: Tensor that comes out.
        prefix: What the names of scale and zero point begin with in the graph that the nodes are for.
    """
    scales = [prefix + name for name in quantizer.input[1:]]
    nodes = [
        helper.make_node(QUANTIZE, [tensor, *scales], [f"{outcome}/integers"], f"{outcome}/quantize"),
        helper.make_node(DEQUANTIZE, [f"{outcome}/integers", *scales], [outcome], f"{outcome}/dequantize"),
    ]
    for node in nodes:
        node.domain = quantizer.domain
        node.attribute.extend(kept for kept in quantizer.attribute if kept.name in SHARED_ATTRIBUTES)
    nodes[0].attribute.extend(kept for kept in quantizer.attribute if kept.name in ("output_dtype", "saturate"))
    return nodes
