"""Own the reading and writing of ONNX files and of what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # protobuf ships no annotations
from onnx import TensorProto

from zoo_core.artifacts import METADATA_KEY, InputSpec
from zoo_core.errors import UserError
from zoo_core.export.opset import opset_of
from zoo_core.runs.files import write_atomically

QUANTIZED_OPERATORS = frozenset({
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm",
    "ConvInteger", "MatMulInteger",
})  # fmt: skip
TYPE_NAMES = {"float": "float32", "double": "float64"}
IMAGE_RANK = 4
IMAGE_CHANNELS = ((1, 3), (4,))
"""Numbers of channels by which a layout is recognised, the likelier first."""
NCHW = "NCHW"
NHWC = "NHWC"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """Describe an input or output; a size is a number, a name when it is free, or nothing when it is unknown."""

    name: str
    type: str
    """Element type such as `float32` or `uint8`."""
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        """Return `input float32 (batch, 3, 224, 224)`."""
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.type} ({sizes})"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxInfo:
    """State what an ONNX file holds, found out without running it."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    input: InputSpec
    """Size of the single image input."""
    layout: str
    """`NCHW` or `NHWC`."""
    batch: int | None
    """Fixed batch size, or nothing when it is free."""
    opset: int
    quantized: bool
    metadata: Mapping[str, Any]
    """What zoo wrote into the file; empty for models from elsewhere."""

    @property
    def output_shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Return the shape of every output, with nothing for a size that is free."""
        return tuple(tuple(size if isinstance(size, int) else None for size in out.shape) for out in self.outputs)


def load_onnx(path: Path, *, weights: bool = True) -> onnx.ModelProto:
    """Read a model, with the weights that lie in files beside it or without them.

    Raises:
        UserError: When the file is absent or no ONNX model.
    """
    try:
        model = onnx.load(str(path), load_external_data=weights)
    except (DecodeError, onnx.checker.ValidationError, OSError) as error:
        raise UserError(f"{path} is no ONNX model that can be read: {error}") from error
    if not model.graph.node:
        raise UserError(f"{path} is no ONNX model: it holds no graph.")
    return model


def inspect_onnx(path: Path) -> OnnxInfo:
    """Look into a model file.

    Raises:
        UserError: When the file is no ONNX model or does not take one image, saying what was found.
    """
    return describe_graph(load_onnx(path, weights=False), path)


def describe_graph(model: onnx.ModelProto, path: Path) -> OnnxInfo:
    """Describe a loaded model; `path` is only named in errors.

    Raises:
        UserError: When the model does not take one image, saying what was found.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_describe(value) for value in model.graph.input if value.name not in weights)
    outputs = tuple(_describe(value) for value in model.graph.output)
    found = ", ".join(str(tensor) for tensor in inputs) or "no input"
    if len(inputs) != 1 or len(inputs[0].shape) != IMAGE_RANK:
        raise UserError(
            f"{path} does not take one image: found {found}.",
            hint="Expected one input of shape (batch, channels, height, width) or (batch, height, width, channels).",
        )
    layout = _layout(inputs[0].shape)
    batch, *rest = inputs[0].shape
    sizes = [size for size in (rest if layout == NCHW else [rest[2], rest[0], rest[1]]) if isinstance(size, int)]
    if len(sizes) < IMAGE_RANK - 1:
        raise UserError(
            f"{path} takes images of any size: found {found}.",
            hint="Export the model with a fixed number of channels, height and width; only the batch may be free.",
        )
    return OnnxInfo(
        inputs=inputs,
        outputs=outputs,
        input=InputSpec(*sizes),
        layout=layout,
        batch=batch if isinstance(batch, int) else None,
        opset=opset_of(model),
        quantized=any(node.op_type in QUANTIZED_OPERATORS for node in model.graph.node),
        metadata=read_metadata(model),
    )


def read_metadata(model: onnx.ModelProto) -> dict[str, Any]:
    """Return what zoo wrote into a model, or an empty mapping."""
    text = next((entry.value for entry in model.metadata_props if entry.key == METADATA_KEY), "{}")
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def set_metadata(model: onnx.ModelProto, metadata: Mapping[str, Any]) -> None:
    """Put our description into a model, in place of an earlier one."""
    kept = {entry.key: entry.value for entry in model.metadata_props}
    kept[METADATA_KEY] = json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True)
    onnx.helper.set_model_props(model, kept)


def write_metadata(path: Path, metadata: Mapping[str, Any]) -> None:
    """Put our description into a model file, in place of an earlier one.

    Raises:
        UserError: When the file is no ONNX model.
        RunStoreError: When the disk is full, read-only or not ours.
    """
    model = load_onnx(path, weights=False)
    set_metadata(model, metadata)
    save_onnx(model, path)


def save_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Write a model as one file, atomically: a reader sees the old file or the whole new one.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    write_atomically(path, lambda stream: stream.write(model.SerializeToString(deterministic=True)))


def remove_notes(model: onnx.ModelProto) -> None:
    """Remove notes from nodes, inputs, outputs, weights and subgraphs; none of them changes what is computed."""
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
        for part in (graph, *graph.node, *values):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")
        attributes = [attribute for node in graph.node for attribute in node.attribute]
        graphs.extend(attribute.g for attribute in attributes if attribute.HasField("g"))
        graphs.extend(inner for attribute in attributes for inner in attribute.graphs)


def _describe(value: onnx.ValueInfoProto) -> TensorInfo:
    kind = value.type.tensor_type
    name = TensorProto.DataType.Name(kind.elem_type).lower()
    return TensorInfo(
        name=value.name,
        type=TYPE_NAMES.get(name, name),
        shape=tuple(_size(dim) for dim in kind.shape.dim),
    )


def _size(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value") and dim.dim_value > 0:  # some converters write -1 for a free size
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def _layout(shape: tuple[int | str | None, ...]) -> str:
    """Tell whether channels stand before or after height and width; square images decide rare channel counts."""
    for channels in IMAGE_CHANNELS:
        if shape[1] in channels:
            return NCHW
        if shape[3] in channels:
            return NHWC
    return NHWC if shape[1] == shape[2] != shape[3] else NCHW
