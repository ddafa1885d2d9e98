"""The quantization section takes ST's and onnxruntime's names, and refuses what cannot work before anything runs."""

from typing import Any

import pytest
from pydantic import ValidationError

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
        ({"operating_mode": "full_auto"}, "full_auto is not available yet; expected default"),
        ({"onnx_extra_options": {"SmoothQuant": True}}, "SmoothQuant is not available here"),
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
