"""Chains are planned from what services need and make; ST's modes come out as ST documents them."""

import pytest

from zoo_core.artifacts import Checkpoint, FloatOnnx, QuantizedOnnx
from zoo_core.errors import ChainError
from zoo_core.services.plan import plan_chain
from zoo_core.services.table import SERVICES


def plan(letters, **kwargs):
    return plan_chain(letters, SERVICES, **kwargs)


def taken(plan_):
    return [(p.letter, p.takes.kind.kind if p.takes else None) for p in plan_.stages]


def test_tqeb_evaluates_and_benchmarks_the_quantized_model():
    assert taken(plan("tqeb")) == [
        ("t", None),
        ("x", "checkpoint"),
        ("q", "float_onnx"),
        ("e", "quantized_onnx"),
        ("b", "quantized_onnx"),
    ]


def test_eqe_evaluates_float_then_quantized():
    assert taken(plan("eqe", given=FloatOnnx)) == [("e", "float_onnx"), ("q", "float_onnx"), ("e", "quantized_onnx")]


def test_eqe_from_weights_evaluates_torch_then_exports():
    assert taken(plan("eqe", given=Checkpoint)) == [
        ("e", "checkpoint"),
        ("x", "checkpoint"),
        ("q", "float_onnx"),
        ("e", "quantized_onnx"),
    ]


def test_tbqeb_benchmarks_float_then_quantized():
    kinds = [kind for letter, kind in taken(plan("tbqeb")) if letter == "b"]
    assert kinds == ["float_onnx", "quantized_onnx"]


def test_training_alone_exports_too():
    assert plan("t").letters == "tx"
    assert [p.inserted for p in plan("t").stages] == [False, True]


def test_quantized_model_given_to_quantization_is_taken_as_it_is():
    assert taken(plan("qb", given=QuantizedOnnx)) == [("q", "quantized_onnx"), ("b", "quantized_onnx")]


def test_pretrained_weights_stand_in_for_a_model_file():
    assert plan("qb", pretrained=True).letters == "wxqb"
    assert plan("tqe", pretrained=True).letters == "txqe"


def test_second_training_starts_from_the_first():
    assert taken(plan("tt"))[2] == ("t", "checkpoint")


def test_stage_numbers_follow_the_chain():
    assert [p.stage.id for p in plan("tqe").stages] == ["1_training", "2_export", "3_quantization", "4_evaluation"]


@pytest.mark.parametrize("letters", ["q", "e", "b", "p", "d", "eqeb"])
def test_chain_without_a_model_says_what_is_needed_and_where_to_put_it(letters):
    with pytest.raises(ChainError) as caught:
        plan(letters)
    assert "Stage 1" in caught.value.message
    assert "there is nothing" in caught.value.message
    assert "model.model_path" in caught.value.hint


def test_training_on_an_onnx_file_is_refused():
    with pytest.raises(ChainError, match="Training starts from torch weights"):
        plan("tqe", given=FloatOnnx)


def test_description_names_source_and_product():
    lines = [p.describe() for p in plan("tq").stages]
    assert lines[1] == "2_export: takes torch weights from 1_training, makes a float ONNX model (added)"
