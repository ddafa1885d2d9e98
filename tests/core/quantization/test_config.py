"""The quantization section takes ST's and onnxruntime's names, and refuses what cannot work before anything runs."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from zoo_core.config.dialects import rewrite
from zoo_core.config.explain import faults
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.testing.isolation import run_isolated

SEED = {
    "quantizer": "Onnx_quantizer",
    "quantization_type": "PTQ",
    "quantization_input_type": "float",
    "quantization_output_type": "float",
    "granularity": "per_channel",
    "optimize": False,
    "target_opset": 17,
    "export_dir": "quantized_models",
    "onnx_extra_options": {"CalibMovingAverage": True},
}


def test_block_of_the_classification_tutorial_is_read() -> None:
    section = OnnxQuantizerSection.model_validate(SEED)
    assert section.quantizer == "onnx_quantizer"
    assert section.onnx_extra_options.CalibMovingAverage


def test_defaults_are_those_of_st() -> None:
    section = OnnxQuantizerSection()
    assert (section.onnx_quant_parameters.weightType, section.onnx_quant_parameters.activType) == ("Int8", "Int8")
    assert section.onnx_quant_parameters.calibrate_method == "MinMax"
    assert section.onnx_extra_options.WeightSymmetric
    assert not section.onnx_extra_options.ActivationSymmetric
    assert (section.granularity, section.target_opset) == ("per_channel", 17)


@pytest.mark.parametrize(
    ("data", "opset"),
    [
        ({"onnx_quant_parameters": {"activType": "Int16"}}, 21),
        ({"onnx_quant_parameters": {"weightType": "UInt4"}, "target_opset": 22}, 22),
        ({"onnx_quant_parameters": {"weightType": "Int4"}, "onnx_extra_options": {"UseQDQContribOps": True}}, 17),
        ({"onnx_extra_options": {"weights_tensor_override": [["w", {"quant_type": "Int4", "axis": 0}]]}}, 21),
        ({"onnx_quant_parameters": {"weightType": "Int8"}}, 17),
    ],
)
def test_narrow_and_wide_types_choose_their_opset(data: dict[str, Any], opset: int) -> None:
    section = OnnxQuantizerSection.model_validate(data)
    assert section.target_opset == opset
    assert OnnxQuantizerSection.model_validate(section.model_dump(mode="json", exclude_none=True)) == section


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"onnx_extra_options": {"CalibMovingAverag": True}}, "CalibMovingAverag\n  Extra inputs"),
        ({"onnx_quant_parameters": {"weightType": "Int7"}}, "weightType"),
        ({"onnx_quant_parameters": {"activType": "Int16"}, "target_opset": 17}, "need target_opset: 21 or higher"),
        ({"onnx_quant_parameters": {"weightType": "UInt8"}}, "no weights of UInt8 beside activations of Int8"),
        ({"operating_mode": "fullauto"}, "operating_mode"),
        ({"onnx_extra_options": {"SmoothQuant": True}}, "SmoothQuant is not available: .*quantization.optimize: True"),
        ({"onnx_quant_parameters": {"calibrate_method": "Median"}}, "'MinMax', 'MovingAverage', .* or 'Distribution'"),
        ({"max_drop": -0.5}, "max_drop"),
        ({"compression": {"factor": 0.0}}, "compression.factor"),
        ({"compression": {"factor": 1.5}}, "compression.factor"),
        ({"iterative_quant_parameters": {"inspection_split": 0}}, "inspection_split"),
        ({"iterative_quant_parameters": {"accuracy_tolerance": "little"}}, "accuracy_tolerance"),
        (
            {
                "operating_mode": "full_auto",
                "max_drop": 1,
                "iterative_quant_parameters": {"accuracy_tolerance": 2.5},
            },
            "max_drop is 1 and iterative_quant_parameters.accuracy_tolerance is 2.5; .* keep one",
        ),
        ({"onnx_extra_options": {"CalibPercentile": 101}}, "CalibPercentile"),
        (
            {
                "onnx_quant_parameters": {"nodes_to_quantize": ["a"]},
                "onnx_extra_options": {"activations_tensor_override": [["x", {"quant_type": "Int8"}]]},
            },
            "do not go with nodes_to_quantize",
        ),
        ({"onnx_extra_options": {"weights_tensor_override": [["w", {"scale": 0.1}]]}}, "go together"),
        (
            {"onnx_extra_options": {"weights_tensor_override": [["w", {"scale": [0.1, 0.2], "zero_point": [0]}]]}},
            "same length",
        ),
        (
            {"onnx_extra_options": {"weights_tensor_override": [["w", {"scale": [0.1], "zero_point": [0]}]]}},
            "needs an axis",
        ),
    ],
)
def test_what_cannot_work_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OnnxQuantizerSection.model_validate(data)


def test_section_is_light() -> None:
    run = run_isolated("import zoo_core.quantization.config")
    assert run.returncode == 0, run.stderr
    assert not {"numpy", "onnx", "onnxruntime", "torch"} & set(run.modules)


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("MinMax", "MinMax"),
        ("minmax", "MinMax"),
        (" ENTROPY ", "Entropy"),
        ("mse", "MSE"),
        ("percentile", "Percentile"),
        ("moving_average", "MovingAverage"),
        ("MovingAverage", "MovingAverage"),
    ],
)
def test_methods_are_read_in_any_case(written: str, method: str) -> None:
    section = OnnxQuantizerSection.model_validate({"onnx_quant_parameters": {"calibrate_method": written}})
    assert section.onnx_quant_parameters.calibrate_method == method


@pytest.mark.parametrize(("name", "bits"), [("Int8", 8), ("UInt8", 8), ("Int16", 16), ("UInt16", 16), ("UInt4", 4)])
def test_bits_of_activations(name: str, bits: int) -> None:
    section = OnnxQuantizerSection.model_validate({"onnx_quant_parameters": {"activType": name}})
    assert section.onnx_quant_parameters.activation_bits == bits


FULL_AUTO = """
quantizer: onnx_quantizer
operating_mode: full_auto
target_opset: 21
iterative_quant_parameters:
  inspection_split: 0.3
  accuracy_tolerance: 0.5
onnx_quant_parameters:
  weightType: Int8
  activType: Int8
  calibrate_method: MinMax
"""


def test_full_auto_block_of_st_is_read() -> None:
    section = OnnxQuantizerSection.model_validate(yaml.safe_load(FULL_AUTO))
    assert section.operating_mode == "full_auto"
    assert section.iterative_quant_parameters.inspection_split == 0.3
    assert section.budget == 0.5


@pytest.mark.parametrize(
    ("data", "budget"),
    [
        ({}, None),
        ({"max_drop": 2}, 2.0),
        ({"max_drop": 0}, 0.0),
        ({"iterative_quant_parameters": {"accuracy_tolerance": 3}}, None),
        ({"operating_mode": "full_auto"}, 1.0),
        ({"operating_mode": "full_auto", "max_drop": 0.25}, 0.25),
        ({"operating_mode": "full_auto", "iterative_quant_parameters": {"accuracy_tolerance": 3}}, 3.0),
        (
            {"operating_mode": "full_auto", "max_drop": 3, "iterative_quant_parameters": {"accuracy_tolerance": 3.0}},
            3.0,
        ),
        ({"operating_mode": "inspection", "iterative_quant_parameters": {"accuracy_tolerance": 3}}, None),
    ],
)
def test_budget_is_what_the_mode_looks_at(data: dict[str, Any], budget: float | None) -> None:
    section = OnnxQuantizerSection.model_validate(data)
    assert section.budget == budget
    assert OnnxQuantizerSection.model_validate(section.model_dump(mode="json")).budget == budget


def test_granularity_of_the_file_is_told_from_the_default_after_a_round_trip() -> None:
    for data in ({}, {"granularity": "per_channel"}):
        section = OnnxQuantizerSection.model_validate(data)
        again = OnnxQuantizerSection.model_validate(section.model_dump(mode="json"))
        assert section.granularity == again.granularity == "per_channel"
        assert ("granularity" in again.model_fields_set) == ("granularity" in data)


@pytest.mark.parametrize(
    ("data", "key", "hint"),
    [
        ({"onnx_extra_options": {"WeightSymetric": True}}, "onnx_extra_options.WeightSymetric", "WeightSymmetric"),
        ({"onnx_quant_parameters": {"node_to_exclude": []}}, "onnx_quant_parameters.node_to_exclude", "nodes_to_exclu"),
        ({"maxdrop": 1}, "maxdrop", "max_drop"),
        ({"compression": {"factors": 0.5}}, "compression.factors", "factor"),
    ],
)
def test_unknown_option_names_the_nearest(data: dict[str, Any], key: str, hint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OnnxQuantizerSection.model_validate(data)
    (fault,) = faults(caught.value, OnnxQuantizerSection, data)
    assert fault.key == key
    assert hint in str(fault.hint)


def test_compression_of_its_own_belongs_to_quantization() -> None:
    section = {"factor": 0.6, "strong_optimization": True}
    data, moves = rewrite({"quantization": {"operating_mode": "full_auto"}, "compression": section})
    assert data == {"quantization": {"operating_mode": "full_auto", "compression": section}}
    assert moves.written("quantization.compression.factor") == "compression.factor"
    assert moves.notes == ["compression is read as quantization.compression"]
    read = OnnxQuantizerSection.model_validate(data["quantization"])
    assert read.compression is not None
    assert (read.compression.factor, read.compression.strong_optimization) == (0.6, True)


def test_compression_without_quantization_is_left_out_and_said() -> None:
    for host in ({}, {"quantization": None}):
        data, moves = rewrite({**host, "compression": {"factor": 0.6}})
        assert data == host
        assert moves.notes == ["compression has no effect without the section quantization"]
    data, moves = rewrite({"quantization": {}, "compression": None})
    assert OnnxQuantizerSection.model_validate(data["quantization"]).compression is None


def test_two_compressions_contradict() -> None:
    _, moves = rewrite({"quantization": {"compression": {"factor": 0.7}}, "compression": {"factor": 0.6}})
    assert [issue.key for issue in moves.issues] == ["compression"]
