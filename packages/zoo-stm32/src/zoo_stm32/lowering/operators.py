"""Own the private operators of a lowered graph: names, attributes, and the exact arithmetic that C code must follow.

All of them stand in the domain `zoo.stm32`, version 1, take 8-bit integers (int8 or uint8) and give 8-bit integers.
Batch is 1. `float` is IEEE single precision, every operation rounded to nearest even on its own: no fused
multiply-add, no wider intermediates, no multiplication by a reciprocal. `rint` rounds half to even. `saturate(v)`
limits an integer to the range of the output type. An operator changes no shape except where it says so.

`TableLookup(X, table) -> Y`
    table: initializer of 256 entries, int8 or uint8, which is the type of Y. No attributes.
    Y[i] = table[X[i] + 128] when X is int8, table[X[i]] when X is uint8. Y may overwrite X in place.

`MeanPool(X) -> Y`, mean over windows of the last two axes of X (1, C, H, W), Y is (1, C, OH, OW)
    kernel_shape [KH, KW], strides [SH, SW], pads [top, left, bottom, right] (each smaller than the kernel),
    count_include_pad (0 or 1), x_zero_point, y_zero_point (integers), ratio (float: scale of X / scale of Y),
    to (onnx type of Y: 3 int8, 2 uint8). OH = (H + top + bottom - KH) / SH + 1, rounded down; OW likewise.
    sum   = sum of (int32)X - x_zero_point over the elements of the window that lie inside X, in int32
    count = KH * KW when count_include_pad is 1, else the number of those elements
    Y     = saturate((int32)rint(((float)sum * ratio) / (float)count) + y_zero_point)
    KH * KW is at most 65536, so |sum| < 2^24 and (float)sum is exact. A global mean has kernel_shape [H, W].

`Softmax(X, table) -> Y`, along one axis
    table: initializer of 256 int32, table[d] = round(exp(-d * scale of X) * 2^k); sums of one axis stay below 2^31.
    axis (0 <= axis < rank), y_zero_point (integer), factor (float: 1 / scale of Y), to (as above).
    top = maximum of X along the axis, e[i] = table[top - X[i]], sum = sum of e along the axis, in int32
    Y[i] = saturate((int32)rint(((float)e[i] * factor) / (float)sum) + y_zero_point)
    Each e is at most 2^24, so (float)e is exact.
"""

from __future__ import annotations

DOMAIN = "zoo.stm32"
VERSION = 1
MICROSOFT = "com.microsoft"
"""Domain of onnxruntime's own integer operators, of which a lowered graph uses QLinearAdd, QLinearMul and QGemm."""
TABLE_LOOKUP = "TableLookup"
MEAN_POOL = "MeanPool"
SOFTMAX = "Softmax"
LEVELS = 256
MAX_WINDOW = 65536
"""Most elements of a MeanPool window."""
