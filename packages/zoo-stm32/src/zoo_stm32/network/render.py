"""Own the text of `network.h`, `network.c` and `network_data.c`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo_stm32.artifacts import ArenaPlan, IoTensor, Layer
from zoo_stm32.network.csource import Parameter, Source, identifiers
from zoo_stm32.network.folding import BoundFunction
from zoo_stm32.network.graph import C_TYPES, Array
from zoo_stm32.network.kernels import float_literal
from zoo_stm32.network.sharing import Storage

PER_LINE = 24
LONG = 8
"""Bytes of an integer whose literals need a suffix."""
INT32_MIN = -(2**31)
"""Number that C cannot write as a literal of its type."""
HEADERS = ("stdint", "math", "float", "limits", "string")
INDEX_TYPE = ("#ifndef idx_t", "#define idx_t int32_t", "#endif")
SECTIONS = """\
/* A linker script can place weights and the rest apart; define ZOO_WEIGHTS and ZOO_CONSTANTS empty to have neither. */
#ifndef ZOO_WEIGHTS
#if defined(__ELF__)
#define ZOO_WEIGHTS __attribute__((section(".zoo_weights")))
#define ZOO_CONSTANTS __attribute__((section(".zoo_constants")))
#else
#define ZOO_WEIGHTS
#define ZOO_CONSTANTS
#endif
#endif
"""
LAYER_MACRO = """\
/* Every layer stays a function of its own, so that tools can tell the layers apart. */
#ifndef ZOO_LAYER
#if defined(__GNUC__) || defined(__clang__)
#define ZOO_LAYER __attribute__((noinline))
#else
#define ZOO_LAYER
#endif
#endif

/* Results are exact only when a * b + c is rounded twice. With GCC give -ffp-contract=off. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif
"""

ENTRY_HEAD = """\
void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena) {
    unsigned char *const base = (unsigned char *)arena;
    (void)inputs;
    (void)base;"""


@dataclass(frozen=True, slots=True)
class StoredConstant:
    """Hold an array of `network_data.c`."""

    symbol: str
    value: Array
    weights: bool
    """True for weights proper, False for biases, scales and tables."""

    @property
    def declaration(self) -> str:
        """Return type, name and size."""
        return f"const {C_TYPES[self.value.dtype.name]} {self.symbol}[{self.value.size}]"


def render_header(inputs: Sequence[IoTensor], outputs: Sequence[IoTensor], plan: ArenaPlan, generator: str) -> str:
    """Return `network.h`."""
    return f"""\
/* Neural network as C99, without heap. Kernels by {generator}. */
#ifndef ZOO_NETWORK_H
#define ZOO_NETWORK_H

#include <stdint.h>

#define ZOO_NETWORK_INPUTS {len(inputs)}
#define ZOO_NETWORK_OUTPUTS {len(outputs)}
#define ZOO_NETWORK_ARENA_BYTES {max(plan.size, 1)}
#define ZOO_NETWORK_ALIGNMENT 8
{_io_macros("INPUT", inputs)}{_io_macros("OUTPUT", outputs)}
#ifdef __cplusplus
extern "C" {{
#endif

/*
 * Run the network once. The arena has ZOO_NETWORK_ARENA_BYTES bytes, its content is lost; arena, inputs and outputs
 * start at multiples of ZOO_NETWORK_ALIGNMENT and do not overlap.
 */
void zoo_network_run(const void *const inputs[], void *const outputs[], void *arena);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _io_macros(kind: str, tensors: Sequence[IoTensor]) -> str:
    return "".join(
        f"#define ZOO_NETWORK_{kind}_{index}_BYTES {tensor.bytes} /* {tensor.type} {list(tensor.shape)} */\n"
        for index, tensor in enumerate(tensors)
    )


def render_source(
    source: Source,
    functions: Sequence[BoundFunction],
    layers: Sequence[Layer],
    stored: Sequence[StoredConstant],
    entry: str,
) -> str:
    """Return `network.c`: declarations of the constants, functions of the layers, entry."""
    bodies = "\n".join(bound.function.body for bound in functions)
    shared = _needed(source.helpers, bodies)
    parts = [
        "\n".join(['#include "network.h"', "", *_directives(source.directives, "\n".join([bodies, *shared]))]),
        LAYER_MACRO.rstrip(),
        "\n".join(f"extern {constant.declaration};" for constant in stored),
        *shared,
        "\n".join(f"{_head(bound)};" for bound in functions),
        *(
            f"/* {_comment(layer)} */\n{_head(bound)} {{{bound.function.body}}}"
            for bound, layer in zip(functions, layers, strict=True)
        ),
        entry,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def render_entry(functions: Sequence[BoundFunction], places: Mapping[str, str]) -> str:
    """Return the entry function: every layer with the places of its tensors.

    Args:
        functions: Functions in the order in which they run.
        places: Pointer in C by tensor or constant.
    """
    calls = [f"    {bound.function.name}({', '.join(_arguments(bound, places))});" for bound in functions]
    return "\n".join([ENTRY_HEAD, *calls, "}"])


def render_data(stored: Sequence[StoredConstant]) -> str:
    """Return `network_data.c`."""
    weights = sum(constant.value.nbytes for constant in stored if constant.weights)
    rest = sum(constant.value.nbytes for constant in stored if not constant.weights)
    arrays = (
        f"extern {constant.declaration};\n"
        f"{'ZOO_WEIGHTS' if constant.weights else 'ZOO_CONSTANTS'} {constant.declaration} = {{\n"
        f"{_values(constant.value)}\n}};"
        for constant in stored
    )
    return "\n".join(
        [
            f"/* Constants of the network: {weights} bytes of weights, {rest} bytes of biases, scales and tables. */",
            "#include <stdint.h>",
            "",
            SECTIONS,
            *arrays,
            "",
        ]
    )


def place_of(storage: Storage, offset: int) -> str:
    """Return the pointer to a storage in C."""
    return f"base + {offset}" if storage.place == "arena" else f"{storage.place}[{storage.position}]"


def _head(bound: BoundFunction) -> str:
    parameters = ", ".join(parameter.declaration() for parameter in bound.function.parameters)
    return f"ZOO_LAYER void {bound.function.name}({parameters})"


def _comment(layer: Layer) -> str:
    return f"{layer.op_type}: {layer.name}".replace("*/", "* /").replace("/*", "/ *")


def _arguments(bound: BoundFunction, places: Mapping[str, str]) -> list[str]:
    return [
        _argument(parameter, places[argument])
        for parameter, argument in zip(bound.function.parameters, bound.arguments, strict=True)
    ]


def _argument(parameter: Parameter, place: str) -> str:
    whole = place.isidentifier() and len(parameter.dims) == 1
    return place if whole else f"({parameter.cast()})({place})"


def _directives(given: Sequence[str], text: str) -> list[str]:
    """Return the includes, and of the generator's definitions those that a text uses."""
    own = (f"#include <{name}.h>" for name in HEADERS)
    includes = dict.fromkeys((*own, *(line for line in given if line.startswith("#include"))))
    used = identifiers(text)
    kept: list[str] = []
    group: list[str] = []
    depth = 0
    for line in given:
        depth += line.startswith("#if") - line.startswith("#endif")
        if not line.startswith("#include"):
            group.append(line)
        if depth == 0:
            defined = re.findall(r"(?m)^#define (\w+)", "\n".join(group))
            kept += group if used & set(defined) else []
            group = []
    if not any("define idx_t" in line for line in kept):
        kept += INDEX_TYPE
    return [*includes, *kept]


def _needed(helpers: Mapping[str, str], bodies: str) -> list[str]:
    """Return those shared functions that are called, directly or by one that is."""
    wanted = set(helpers) & identifiers(bodies)
    while True:
        more = {name for have in wanted for name in identifiers(helpers[have]) if name in helpers} - wanted
        if not more:
            return [text for name, text in helpers.items() if name in wanted]
        wanted |= more


def _values(value: Array) -> str:
    flat = np.ascontiguousarray(value).reshape(-1)
    if value.dtype == np.float32:
        words = [_float(number) for number in flat.tolist()]
    elif value.dtype.itemsize == LONG:
        words = [f"{value.dtype.name.upper()}_C({number})" for number in flat.tolist()]
    else:
        words = ["INT32_MIN" if number == INT32_MIN else str(int(number)) for number in flat.tolist()]
    lines = (", ".join(words[start : start + PER_LINE]) for start in range(0, len(words), PER_LINE))
    return ",\n".join(lines)


def _float(number: float) -> str:
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return "(float)NAN"
    if number in (float("inf"), float("-inf")):
        return "(float)INFINITY" if number > 0 else "-(float)INFINITY"
    return float_literal(number)
