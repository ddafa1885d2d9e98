"""Check the C of the private operators, run on this machine, against their definition written down in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo_stm32.network import generate

LOOKUPS = [("int8", "int8"), ("int8", "uint8"), ("uint8", "int8"), ("uint8", "uint8")]


@pytest.mark.parametrize(("source", "target"), LOOKUPS)
def test_table_lookup_gives_every_entry(build: Any, on_host: Any, quiet: Any, source: str, target: str) -> None:
    graph = build({"x": (source, (1, 4, 8, 8)), "y": (target, (1, 4, 8, 8))})
    table = np.random.default_rng(1).permutation(256).astype(target)
    graph.constant("table", table, target)
    graph.node("TableLookup", ["x", "table"], ["y"], "zoo.stm32")
    network = generate(graph.lowered(["x"], ["y"]), quiet)
    values = np.arange(np.iinfo(source).min, np.iinfo(source).max + 1).astype(source).reshape(1, 4, 8, 8)
    assert (on_host(network).run([values])[0].reshape(-1) == table).all()


def mean_by_definition(x: np.ndarray, options: dict[str, Any], shape: tuple[int, ...], kind: str) -> np.ndarray:
    result = np.zeros(shape, kind)
    (kernel_h, kernel_w), (stride_h, stride_w) = options["kernel_shape"], options["strides"]
    for channel, row, column in np.ndindex(shape[1:]):
        top, left = row * stride_h - options["pads"][0], column * stride_w - options["pads"][1]
        window = x[0, channel, max(top, 0) : top + kernel_h, max(left, 0) : left + kernel_w].astype(np.int64)
        total = np.float32((window - options["x_zero_point"]).sum())
        count = np.float32(kernel_h * kernel_w if options["count_include_pad"] else window.size)
        mean = np.float32(total * np.float32(options["ratio"])) / count
        value = int(np.rint(mean)) + options["y_zero_point"]
        result[0, channel, row, column] = min(max(value, np.iinfo(kind).min), np.iinfo(kind).max)
    return result


POOLS = [
    ((5, 7), (1, 1), (5, 7), (1, 1), (0, 0, 0, 0), 0, "int8"),
    ((8, 8), (4, 4), (2, 2), (2, 2), (0, 0, 0, 0), 0, "uint8"),
    ((9, 7), (9, 7), (3, 3), (1, 1), (1, 1, 1, 1), 0, "int8"),
    ((9, 7), (5, 4), (3, 3), (2, 2), (1, 1, 1, 1), 1, "int8"),
    ((6, 6), (3, 3), (3, 2), (2, 2), (1, 0, 0, 1), 0, "uint8"),
]


@pytest.mark.parametrize(("size", "out", "kernel", "strides", "pads", "whole", "kind"), POOLS)
def test_mean_pool_follows_its_definition(  # noqa: PLR0917
    build: Any,
    on_host: Any,
    quiet: Any,
    size: Any,
    out: Any,
    kernel: Any,
    strides: Any,
    pads: Any,
    whole: int,
    kind: str,
) -> None:
    graph = build({"x": (kind, (1, 3, *size)), "y": ("int8", (1, 3, *out))})
    options = {
        "kernel_shape": list(kernel),
        "strides": list(strides),
        "pads": list(pads),
        "count_include_pad": whole,
        "x_zero_point": 5,
        "y_zero_point": -9,
        "ratio": 1.7,
        "to": 3,
    }
    graph.node("MeanPool", ["x"], ["y"], "zoo.stm32", **options)
    host = on_host(generate(graph.lowered(["x"], ["y"]), quiet))
    limits = np.iinfo(kind)
    for seed in range(3):
        x = np.random.default_rng(seed).integers(limits.min, limits.max + 1, (1, 3, *size)).astype(kind)
        expected = mean_by_definition(x, options, (1, 3, *out), "int8")
        np.testing.assert_array_equal(host.run([x])[0], expected)


def test_mean_pool_rounds_half_to_even(build: Any, on_host: Any, quiet: Any) -> None:
    graph = build({"x": ("int8", (1, 6, 1, 2)), "y": ("int8", (1, 6, 1, 1))})
    options = {"kernel_shape": [1, 2], "strides": [1, 1], "pads": [0] * 4, "count_include_pad": 0, "to": 3}
    graph.node("MeanPool", ["x"], ["y"], "zoo.stm32", **options, ratio=1.0, x_zero_point=0, y_zero_point=1)
    host = on_host(generate(graph.lowered(["x"], ["y"]), quiet))
    x = np.array([[0, 1], [1, 2], [2, 3], [0, -1], [-1, -2], [127, 127]], np.int8).reshape(1, 6, 1, 2)
    assert host.run([x])[0].reshape(-1).tolist() == [0 + 1, 2 + 1, 2 + 1, 0 + 1, -2 + 1, 127]


@pytest.mark.parametrize(("shape", "axis"), [((1, 10), 1), ((1, 4, 3, 5), 1), ((1, 2, 7), 2)])
def test_softmax_follows_its_definition(
    build: Any, on_host: Any, quiet: Any, shape: tuple[int, ...], axis: int
) -> None:
    graph = build({"x": ("int8", shape), "y": ("int8", shape)})
    table = np.rint(np.exp(-np.arange(256) * 0.06) * 2**24).astype(np.int32)
    graph.constant("powers", table, np.int32)
    graph.node("Softmax", ["x", "powers"], ["y"], "zoo.stm32", axis=axis, y_zero_point=-128, factor=256.0, to=3)
    host = on_host(generate(graph.lowered(["x"], ["y"]), quiet))
    for seed in range(4):
        x = np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)
        powers = table[x.max(axis, keepdims=True).astype(int) - x]
        total = powers.sum(axis, keepdims=True).astype(np.float32)
        share = (powers.astype(np.float32) * np.float32(256)) / total
        expected = np.clip(np.rint(share).astype(int) - 128, -128, 127)
        np.testing.assert_array_equal(host.run([x])[0], expected)
