"""Check that what cannot become C is refused in one message that names layers and cures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo_core.errors import UserError, ZooError
from zoo_stm32.network import generate

SHAPE = (1, 4)


def test_every_unsupported_operator_is_named_with_its_layer(build: Any, quiet: Any) -> None:
    graph = build(dict.fromkeys("xabcy", ("float32", SHAPE)))
    graph.node("Mystery", ["x"], ["a"], name="head.mystery")
    graph.node("Relu", ["a"], ["b"])
    graph.node("Foo", ["b"], ["c"], "com.vendor", name="head.foo")
    graph.node("TableLookup", ["c"], ["y"], "com.vendor", name="head.table")
    with pytest.raises(UserError) as caught:
        generate(graph.lowered(["x"], ["y"]), quiet)
    message = caught.value.message
    assert "Mystery in the layer 'head.mystery'" in message
    assert "com.vendor.Foo in the layer 'head.foo'" in message
    assert "com.vendor.TableLookup in the layer 'head.table'" in message
    assert "nodes_to_exclude" in message
    assert "Relu" not in message


def test_a_layer_that_the_generator_refuses_is_named_as_the_user_knows_it(build: Any, quiet: Any) -> None:
    graph = build({"x": ("int8", (1, 3, 5, 5)), "y": ("int8", (1, 2, 5, 5))})
    graph.conv("x", "y", (2, 2, 1, 1))
    graph.nodes[-1].name = "stem/conv"
    with pytest.raises(UserError, match="stem/conv") as caught:
        generate(graph.lowered(["x"], ["y"]), quiet)
    assert "n0" not in caught.value.message.split()


def test_a_tensor_without_a_shape_is_an_error_that_names_it(build: Any, quiet: Any) -> None:
    graph = build({"x": ("int8", (1, 2, 4, 4)), "y": ("int8", (1, 2, 4, 4))})
    graph.conv("x", "hidden", (2, 2, 1, 1))
    graph.conv("hidden", "y", (2, 2, 1, 1))
    with pytest.raises(ZooError, match="'hidden' of the layer 'conv_hidden'"):
        generate(graph.lowered(["x"], ["y"]), quiet)


def test_an_output_that_is_an_input_is_refused(build: Any, quiet: Any) -> None:
    graph = build({"x": ("int8", SHAPE), "y": ("int8", SHAPE)})
    graph.node("Identity", ["x"], ["y"])
    with pytest.raises(UserError, match="'x' of the network is no result"):
        generate(graph.lowered(["x"], ["y", "x"]), quiet)


def test_an_element_type_that_firmware_has_not_is_named(build: Any, quiet: Any) -> None:
    graph = build({"x": ("float64", SHAPE), "y": ("float64", SHAPE)})
    graph.node("Relu", ["x"], ["y"], name="double.relu")
    with pytest.raises(UserError, match=r"double\.relu.*float64"):
        generate(graph.lowered(["x"], ["y"]), quiet)


def test_a_graph_of_views_alone_needs_no_generator(build: Any, quiet: Any, on_host: Any) -> None:
    graph = build({"x": ("int8", (1, 2, 3)), "m": ("int8", (1, 6)), "y": ("int8", (6, 1))})
    graph.constant("first", [1, 6], np.int64)
    graph.constant("second", [6, 1], np.int64)
    graph.node("Reshape", ["x", "first"], ["m"])
    graph.node("Reshape", ["m", "second"], ["y"])
    network = generate(graph.lowered(["x"], ["y"]), quiet)
    x = np.arange(6, dtype=np.int8).reshape(1, 2, 3)
    assert on_host(network).run([x])[0].reshape(-1).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(network.layers) == 1
