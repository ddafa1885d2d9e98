"""Own the cheaper form of rounding and saturation in the kernels of integer operators, equal in every bit.

The generator rounds a float by way of double precision, which many microcontrollers do in software, and saturates by
fminf and fmaxf, which not all have as instructions. The rounded value of a float is a float, and the sum with a zero
point is the nearest float of the exact sum either way; no value is NaN, since all come from integers and finite scales.
"""

from __future__ import annotations

import re
from dataclasses import replace

from zoo_stm32.network.folding import BoundFunction
from zoo_stm32.network.graph import Node

INTEGER_KERNELS = ("QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul")
BY_DOUBLE = re.compile(
    r"(?P<scaled>float scaled = [^;]*;\s*float rounded = )ref_scalar_f64_nearbyint\(scaled\) \+ \(float\)"
)
SATURATION = re.compile(r"\brounded = ref_scalar_f32_(?P<kind>maximum|minimum)\(rounded, (?P<limit>\(float\)\w+)\);")


def cheapen_rounding(node: Node, bound: BoundFunction) -> BoundFunction:
    """Rewrite the rounding of a kernel of an integer operator; other kernels and other texts stay as they are."""
    if node.op_type not in INTEGER_KERNELS:
        return bound
    body = BY_DOUBLE.sub(r"\g<scaled>nearbyintf(scaled) + (float)", bound.function.body)
    return BoundFunction(replace(bound.function, body=SATURATION.sub(_comparison, body)), bound.arguments)


def _comparison(match: re.Match[str]) -> str:
    sign = "<" if match["kind"] == "maximum" else ">"
    return f"rounded = rounded {sign} {match['limit']} ? {match['limit']} : rounded;"
