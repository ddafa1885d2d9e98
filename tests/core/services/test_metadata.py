"""A model that contradicts the configuration is refused with both sides named."""

import pytest

from zoo_core.errors import UserError
from zoo_core.services.metadata import hash_data, refuse_contradictions


def test_every_difference_is_named_with_both_sides():
    found = {"use_case": "detection", "input": [3, 224, 224], "class_names": ["a", "b"]}
    wanted = {"use_case": "classification", "input": [3, 224, 224], "class_names": ["a", "c"]}
    with pytest.raises(UserError) as caught:
        refuse_contradictions(found, wanted, "m.onnx")
    lines = caught.value.message.splitlines()
    assert lines == [
        "m.onnx contradicts the configuration:",
        "  use_case: the model says detection, the configuration says classification",
        "  class_names: the model says ['a', 'b'], the configuration says ['a', 'c']",
    ]


def test_keys_the_model_does_not_state_are_no_contradiction():
    refuse_contradictions({}, {"use_case": "classification"}, "m.onnx")


def test_long_lists_are_shortened():
    names = [f"n{i}" for i in range(1000)]
    with pytest.raises(UserError) as caught:
        refuse_contradictions({"class_names": names}, {"class_names": names[1:]}, "m.onnx")
    assert "1000 in all" in caught.value.message
    assert len(caught.value.message) < 300


def test_hash_ignores_the_order_of_keys_only():
    assert hash_data({"a": 1, "b": [1, 2]}) == hash_data({"b": [1, 2], "a": 1})
    assert hash_data([1, 2]) != hash_data([2, 1])
