"""Own the golden input and output of an exported network as C sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_core.errors import UserError
from zoo_stm32.artifacts import CNetwork, IoTensor
from zoo_stm32.firmware.rendering import render
from zoo_stm32.firmware.sources import C_TYPES

VALUES_PER_LINE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Hold one input of a network and the output that belongs to it, as stored values in C order."""

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    tolerance: float = 0.0
    """Largest difference of a stored value that still passes; above 0 only for networks with floating-point parts."""


def golden_sources(network: CNetwork, golden: Golden) -> dict[str, str]:
    """Return `golden.h` and `golden.c`.

    Raises:
        UserError: When the bytes do not have the sizes of the network's tensors.
    """
    _check("input", network.inputs, golden.inputs)
    _check("output", network.outputs, golden.outputs)
    blocks = [
        *_arrays("input", network.inputs, golden.inputs),
        *_arrays("output", network.outputs, golden.outputs),
    ]
    source = render(
        "golden.c",
        ARRAYS="\n\n".join(blocks),
        INPUTS=", ".join(f"&golden_input_{index}" for index in range(len(golden.inputs))),
        OUTPUTS=", ".join(f"&golden_output_{index}" for index in range(len(golden.outputs))),
        BUFFERS="\n".join(
            f"static {C_TYPES[tensor.type]} found_output_{index}[{_count(tensor)}];"
            for index, tensor in enumerate(network.outputs)
        ),
        COMPARISONS="\n".join(_comparison(index, tensor) for index, tensor in enumerate(network.outputs)),
        BUFFER_NAMES=", ".join(f"found_output_{index}" for index in range(len(golden.outputs))),
    )
    return {"golden.h": render("golden.h", TOLERANCE=repr(float(golden.tolerance))), "golden.c": source}


def _check(role: str, tensors: Sequence[IoTensor], contents: Sequence[bytes]) -> None:
    expected, found = [tensor.bytes for tensor in tensors], [len(content) for content in contents]
    if expected != found:
        raise UserError(f"The golden {role} has {found} bytes; the network's {role}s have {expected}.")


def _arrays(role: str, tensors: Sequence[IoTensor], contents: Sequence[bytes]) -> Iterator[str]:
    for index, (tensor, content) in enumerate(zip(tensors, contents, strict=True)):
        yield _array(f"golden_{role}_{index}", tensor, content)


def _array(name: str, tensor: IoTensor, content: bytes) -> str:
    if tensor.type == "float32":
        values = "\n".join(_lines(f"0x{value:08x}u" for value in np.frombuffer(content, "<u4")))
        count = _count(tensor)
        return (
            f"static const union {{\n    uint32_t bits[{count}];\n    float values[{count}];\n}} "
            f"{name} = {{{{\n{values}\n}}}};"
        )
    dtype = np.dtype(tensor.type).newbyteorder("<")
    values = "\n".join(_lines(_literal(int(value), tensor.type) for value in np.frombuffer(content, dtype)))
    return f"static const {C_TYPES[tensor.type]} {name}[{_count(tensor)}] = {{\n{values}\n}};"


def _comparison(index: int, tensor: IoTensor) -> str:
    expected = f"golden_output_{index}" + (".values" if tensor.type == "float32" else "")
    return (
        f"    for (i = 0; i < {_count(tensor)}; ++i) {{\n"
        f"        differences += differs((double)found_output_{index}[i], (double){expected}[i]);\n"
        "    }"
    )


def _literal(value: int, dtype: str) -> str:
    if dtype == "int64":
        return f"INT64_C({value})" if value != np.iinfo(np.int64).min else "INT64_MIN"
    if dtype == "int32" and value == np.iinfo(np.int32).min:
        return "INT32_MIN"
    return f"{value}u" if dtype == "uint32" else str(value)


def _lines(values: Iterator[str]) -> Iterator[str]:
    listed = list(values)
    for start in range(0, len(listed), VALUES_PER_LINE):
        yield f"    {', '.join(listed[start : start + VALUES_PER_LINE])},"


def _count(tensor: IoTensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64))
