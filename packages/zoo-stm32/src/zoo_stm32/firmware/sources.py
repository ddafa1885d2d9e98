"""Own the C sources around a generated network: interface, applications, startup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_core.errors import UserError
from zoo_stm32.artifacts import CNetwork, IoTensor
from zoo_stm32.firmware.cores import Core
from zoo_stm32.firmware.rendering import render

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "int64": "int64_t",
    "float32": "float",
    "bool": "uint8_t",
}
"""C type of an element by NumPy's name of its type."""

EMULATOR = "emulator"
SEMIHOSTING = "semihosting"
APPLICATIONS = (EMULATOR, SEMIHOSTING)

_READABLE = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class _Buffer:
    """Name a buffer in the C sources and its tensor."""

    name: str
    tensor: IoTensor


def network_sources(network: CNetwork) -> dict[str, str]:
    """Return the generated sources by file name."""
    return {"network.h": network.header, "network.c": network.source, "network_data.c": network.data_source}


def interface_sources(network: CNetwork, class_names: Sequence[str] = ()) -> dict[str, str]:
    """Return `zoo_model.h` and `zoo_model.c`, by which users call the network."""
    tensors = (*network.inputs, *network.outputs)
    macros = [
        f"#define ZOO_{buffer.name.removeprefix('zoo_').upper()}_BYTES {buffer.tensor.bytes}"
        for buffer in (*_buffers("input", network.inputs), *_buffers("output", network.outputs))
    ]
    header = render(
        "zoo_model.h",
        INPUT_COUNT=len(network.inputs),
        OUTPUT_COUNT=len(network.outputs),
        SIZE_MACROS="\n".join(macros),
        ARENA_BYTES=arena_bytes(network),
        MAX_RANK=max(1, *(len(tensor.shape) for tensor in tensors)),
        CLASSES=_class_declaration(class_names),
    )
    source = render(
        "zoo_model.c",
        INPUTS=_descriptions(network.inputs),
        OUTPUTS=_descriptions(network.outputs),
        CLASSES=_class_definition(class_names),
    )
    return {"zoo_model.h": header, "zoo_model.c": source}


def application_source(network: CNetwork, application: str) -> str:
    """Return `main.c` of a firmware that an emulator drives, or one that moves its tensors by semihosting.

    Raises:
        UserError: When there is no such application.
    """
    if application not in APPLICATIONS:
        raise UserError(
            f"There is no firmware application '{application}'.", hint=f"Applications: {', '.join(APPLICATIONS)}."
        )
    inputs, outputs = _buffers("input", network.inputs), _buffers("output", network.outputs)
    values: Mapping[str, str] = {
        "BUFFERS": "\n".join(
            f"ZOO_BUFFER {C_TYPES[buffer.tensor.type]} {buffer.name}[{_elements(buffer.tensor)}];"
            for buffer in (*inputs, *outputs)
        ),
        "INPUTS": ", ".join(buffer.name for buffer in inputs),
        "OUTPUTS": ", ".join(buffer.name for buffer in outputs),
    }
    if application == EMULATOR:
        return render("main_emulator.c", **values)
    return render(
        "main_semihosting.c",
        READS="\n".join(_file_call("read_file", buffer) for buffer in inputs),
        WRITES="\n".join(_file_call("write_file", buffer) for buffer in outputs),
        **values,
    )


def startup_source(core: Core) -> str:
    """Return `startup.c` for a core."""
    return render("startup.c", HAS_FPU=int(bool(core.fpu)), HAS_VECTOR_OFFSET=int(core.has_vector_offset))


def arena_bytes(network: CNetwork) -> int:
    """Return the size of the arena in C, where an array has at least one element."""
    return max(network.plan.size, 1)


def c_string(text: str) -> str:
    """Return a C string literal for any text; what is not plain ASCII becomes octal escapes of its UTF-8."""
    escapes = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    parts = (escapes.get(byte) or (chr(byte) if byte in _READABLE else f"\\{byte:03o}") for byte in text.encode())
    return f'"{"".join(parts)}"'


def c_float(value: float) -> str:
    """Return a float32 constant that reads back as the same number."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def _buffers(role: str, tensors: Sequence[IoTensor]) -> tuple[_Buffer, ...]:
    return tuple(_Buffer(f"zoo_{role}_{index}", tensor) for index, tensor in enumerate(tensors))


def _elements(tensor: IoTensor) -> int:
    return int(np.prod(tensor.shape, dtype=np.int64))


def _file_call(function: str, buffer: _Buffer) -> str:
    file = f"{buffer.name}.bin"
    return f'    {function}("{file}", {len(file)}, {buffer.name}, sizeof {buffer.name});'


def _descriptions(tensors: Sequence[IoTensor]) -> str:
    return ",\n".join(_description(tensor) for tensor in tensors)


def _description(tensor: IoTensor) -> str:
    dims = ", ".join(str(size) for size in tensor.shape) or "0"
    fields = (
        c_string(tensor.name),
        f"ZOO_{tensor.type.upper()}",
        str(len(tensor.shape)),
        f"{{{dims}}}",
        c_float(tensor.scale),
        str(tensor.zero_point),
        str(tensor.bytes),
    )
    return f"    {{{', '.join(fields)}}}"


def _class_declaration(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f"\n#define ZOO_CLASS_COUNT {len(names)}\n\n/* Name of each class by its index. */\n"
        "extern const char *const zoo_class_names[ZOO_CLASS_COUNT];\n"
    )


def _class_definition(names: Sequence[str]) -> str:
    if not names:
        return ""
    listed = ",\n".join(f"    {c_string(name)}" for name in names)
    return f"\nconst char *const zoo_class_names[ZOO_CLASS_COUNT] = {{\n{listed}\n}};\n"
