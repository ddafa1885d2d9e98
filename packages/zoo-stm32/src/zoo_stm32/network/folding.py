"""Own the rewriting of layer functions: known constants become literals, local arrays become parameters.

A scalar such as a zero point or a scale costs an array, a pointer and a load each; as a literal it costs nothing, and
the compiler drops the subtraction of a zero. The values stay the same, so every result does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from zoo_core.errors import ZooError
from zoo_stm32.network.csource import Function, Parameter, identifiers
from zoo_stm32.network.graph import C_TYPES, Array, is_weight
from zoo_stm32.network.kernels import float_literal

C_BYTES = {"int8_t": 1, "uint8_t": 1, "_Bool": 1, "int16_t": 2, "uint16_t": 2, "int64_t": 8, "uint64_t": 8, "double": 8}
LOCAL_LIMIT = 64
"""Bytes up to which an array of a function stays on the stack."""
LOCAL_ARRAY = re.compile(r"(?m)^\s*(?P<type>\w+) (?P<name>\w+)(?P<dims>(?:\[[^\]\n]+\])+)(?: EMX_UNUSED)?;[ \t]*\n")
UNUSED_MARK = re.compile(r"\(void\)\w+;")
QUALIFIERS = ("return", "const", "static", "extern")


@dataclass(frozen=True, slots=True)
class BoundFunction:
    """Hold a function and what the entry passes for each of its parameters."""

    function: Function
    arguments: tuple[str, ...]


def fold_constants(bound: BoundFunction, constants: Mapping[str, Array]) -> BoundFunction:
    """Write constants that have one value into the function, and drop parameters that it then does not use."""
    body = UNUSED_MARK.sub("", bound.function.body)
    for parameter, argument in zip(bound.function.parameters, bound.arguments, strict=True):
        literal = _literal(constants.get(argument))
        if literal is not None:
            body = _with_literal(body, parameter, literal)
    words = identifiers(body)
    kept = [
        (parameter, argument)
        for parameter, argument in zip(bound.function.parameters, bound.arguments, strict=True)
        if parameter.name in words or argument not in constants
    ]
    function = replace(bound.function, body=body, parameters=tuple(parameter for parameter, _ in kept))
    return BoundFunction(function, tuple(argument for _, argument in kept))


def hoist_arrays(bound: BoundFunction, prefix: str) -> tuple[BoundFunction, Mapping[str, int]]:
    """Turn large local arrays into parameters; return also the bytes of each, `prefix` before its name.

    Raises:
        ZooError: When the size of a local array is no constant.
    """
    body = _with_constant_sizes(bound.function)
    found: dict[str, Parameter] = {}
    for match in LOCAL_ARRAY.finditer(body):
        dims = tuple(map(int, re.findall(r"\d+", match["dims"])))
        parameter = Parameter(match["name"], match["type"], dims, constant=False)
        if match["type"] in QUALIFIERS or _bytes(parameter) <= LOCAL_LIMIT:
            continue
        if found.setdefault(parameter.name, parameter) != parameter:
            msg = f"Two arrays {parameter.name} of different types lie in one generated function."
            raise ZooError(msg, hint="Please report this with the model.")
        body = body.replace(match.group(), "\n", 1)
    function = replace(bound.function, body=body, parameters=(*bound.function.parameters, *found.values()))
    arguments = (*bound.arguments, *(f"{prefix}{name}" for name in found))
    return BoundFunction(function, arguments), {f"{prefix}{name}": _bytes(found[name]) for name in found}


def _literal(value: Array | None) -> str | None:
    """Return the one value of all elements as C, or nothing when they differ."""
    if value is None or value.size == 0 or value.dtype.name not in C_TYPES or is_weight(value):
        return None
    flat = np.ascontiguousarray(value).reshape(-1)
    if flat.size > 1 and flat.tobytes() != flat[:1].tobytes() * flat.size:
        return None
    if value.dtype == np.float32:
        return f"({float_literal(float(flat[0]))})" if np.isfinite(flat[0]) else None
    number = int(flat[0])
    if abs(number) >= 2**31:
        return None
    return f"(({C_TYPES[value.dtype.name]}){number})" if value.dtype.itemsize > 1 else f"({number})"


def _with_literal(body: str, parameter: Parameter, literal: str) -> str:
    """Replace every element that is read of a parameter; leave the body alone when the array itself is used."""
    parts, position = [], 0
    for match in re.finditer(rf"\b{re.escape(parameter.name)}\b", body):
        end = _end_of_subscripts(body, match.end(), len(parameter.dims))
        if end is None:
            return body
        if match.start() < position:
            return body
        parts += [body[position : match.start()], literal]
        position = end
    return "".join([*parts, body[position:]])


def _end_of_subscripts(body: str, start: int, count: int) -> int | None:
    position = start
    for _ in range(count):
        if not body.startswith("[", position):
            return None
        depth = 1
        while depth:
            position += 1
            depth += {"[": 1, "]": -1}.get(body[position], 0)
        position += 1
    rest = body[position : position + 3].lstrip()
    return None if rest.startswith("[") else position


def _bytes(parameter: Parameter) -> int:
    return prod(parameter.dims) * C_BYTES.get(parameter.c_type, 4)


def _with_constant_sizes(function: Function) -> str:
    """Replace variables in sizes of local arrays by the one number that they can have."""

    def sized(match: re.Match[str]) -> str:
        if match["type"] in QUALIFIERS:
            return match.group()
        text = match.group()
        for word in sorted(identifiers(match["dims"])):
            values = set(re.findall(rf"\b{word} = ([^;]*);", function.body))
            if len(values) != 1 or not next(iter(values)).isdigit():
                msg = f"The array {match['name']} of the generated function {function.name} has no constant size."
                raise ZooError(msg, hint="Please report this with the model.")
            text = text.replace(f"[{word}]", f"[{values.pop()}]")
        return text

    return LOCAL_ARRAY.sub(sized, function.body)
