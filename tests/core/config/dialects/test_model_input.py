"""Shapes come to (channels, height, width), addresses apart from paths."""

import pytest

from zoo_core.config.dialects import rewrite


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([224, 224, 3], [3, 224, 224]),
        ("(128, 96, 1)", [1, 128, 96]),
        ((28, 28, 4), [4, 28, 28]),
        ([3, 224, 224], [3, 224, 224]),
        ([1, 28, 28], [1, 28, 28]),
        ([3, 3, 3], [3, 3, 3]),
        ([3, 224, 3], [3, 224, 3]),
        ([224, 224, 5], [224, 224, 5]),
        ([224, 3], [224, 3]),
        ("(a, b, 3)", "(a, b, 3)"),
        (["224", "224", 3], ["224", "224", 3]),
        (None, None),
    ],
)
def test_shapes(shape, expected):
    data, moves = rewrite({"model": {"input_shape": shape}})
    assert data["model"]["input_shape"] == expected
    assert bool(moves.notes) == (list(shape or ()) != list(expected or ()))


def test_addresses():
    data, moves = rewrite({"general": {"model_path": "https://models.example/net.onnx"}})
    assert data["model"] == {"model_url": "https://models.example/net.onnx"}
    assert moves.written("model.model_url") == "general.model_path"
    assert rewrite({"model": {"model_path": "net.onnx"}})[0] == {"model": {"model_path": "net.onnx"}}
