"""Quantized models are those onnxruntime makes, under the names users know, and they say how they were made."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from zoo_core import QuantizationJob, QuantizationOutcome, UserError
from zoo_core.export.onnx_file import inspect_onnx, write_metadata
from zoo_core.inference.session import OnnxSession
from zoo_core.quantization.config import OnnxQuantizerSection
from zoo_core.quantization.onnx_quantizer import build

Quantize = Callable[..., QuantizationOutcome]
STEM_WEIGHT = "ConvBnFusion_W_stem.weight"
STEM_BIAS = "ConvBnFusion_BN_B_norm.shift"
"""Names that onnxruntime gives to the first convolution when it folds the batch norm into it."""
TRIALS = np.random.default_rng(99).normal(size=(40, 3, 12, 10)).astype(np.float32)


@pytest.fixture
def quantize(save_network: Callable[..., Path], images: Callable[..., Any], bars: Any, tmp_path: Path) -> Quantize:
    """Return a function that quantizes the network under options of the section's two groups."""

    def run(
        parameters: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        model: Path | None = None,
        source: str = "train",
        count: int = 20,
        **section: Any,
    ) -> QuantizationOutcome:
        data = {"onnx_quant_parameters": parameters or {}, "onnx_extra_options": options or {}, **section}
        quantizer = build(OnnxQuantizerSection.model_validate(data))
        return quantizer.quantize(
            QuantizationJob(
                model=model or save_network(),
                calibration=images(count, source),
                directory=tmp_path / "out",
                work_dir=tmp_path / "work",
                progress=bars,
            )
        )

    return run


def initializers(path: Path) -> dict[str, npt.NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(str(path)).graph.initializer}


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(str(path)).graph.node]


def error(path: Path, reference: Path) -> float:
    """Return the mean difference of the outputs as a share of their spread."""
    wanted, found = OnnxSession(reference).run(TRIALS)[0], OnnxSession(path).run(TRIALS)[0]
    return float(np.abs(wanted - found).mean() / wanted.std())


@pytest.mark.parametrize(("granularity", "suffix", "scales"), [("per_channel", "pc", (8,)), ("per_tensor", "pt", ())])
def test_quantized_file_has_the_known_name_and_int8_weights(
    quantize: Quantize, tmp_path: Path, granularity: str, suffix: str, scales: tuple[int, ...]
) -> None:
    outcome = quantize(granularity=granularity)
    assert outcome.path == tmp_path / "out" / f"net_quant_qdq_{suffix}.onnx"
    assert sorted(path.name for path in outcome.path.parent.iterdir()) == ["net_infer.onnx", outcome.path.name]
    assert (outcome.granularity, outcome.weight_type, outcome.activation_type) == (granularity, "Int8", "Int8")
    assert not outcome.already_quantized
    stored = initializers(outcome.path)
    assert stored[f"{STEM_WEIGHT}_quantized"].dtype == np.int8
    assert stored[f"{STEM_WEIGHT}_quantized"].shape == (8, 3, 3, 3)
    assert stored[f"{STEM_WEIGHT}_scale"].shape == scales
    assert not np.any(stored[f"{STEM_WEIGHT}_zero_point"])
    assert stored[f"{STEM_BIAS}_quantized"].dtype == np.int32
    assert stored["input_zero_point"].dtype == np.int8


def test_quantized_file_is_clean_and_valid(quantize: Quantize) -> None:
    model = onnx.load(str(quantize().path))
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert {entry.key for entry in model.metadata_props} == {"zoo"}


class Reader(CalibrationDataReader):
    """Give images to onnxruntime's own quantization."""

    def __init__(self, images: Any) -> None:
        self._images = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {"input": image}


@pytest.fixture
def by_onnxruntime(
    save_network: Callable[..., Path], images: Callable[..., Any], tmp_path: Path
) -> Callable[..., Path]:
    """Return a function that quantizes the network with onnxruntime alone."""

    def run(granularity: str, **options: Any) -> Path:
        quant_pre_process(save_network(), tmp_path / "prepared.onnx", skip_symbolic_shape=True)
        quantize_static(
            tmp_path / "prepared.onnx",
            tmp_path / "theirs.onnx",
            Reader(images(20)),
            per_channel=granularity == "per_channel",
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            extra_options={"WeightSymmetric": True, **options},
        )
        return tmp_path / "theirs.onnx"

    return run


@pytest.mark.parametrize("granularity", ["per_channel", "per_tensor"])
@pytest.mark.parametrize("average", [False, True])
def test_values_are_those_of_onnxruntime(
    quantize: Quantize, by_onnxruntime: Callable[..., Path], granularity: str, average: bool
) -> None:
    wanted = initializers(by_onnxruntime(granularity, CalibMovingAverage=average))
    found = initializers(quantize(options={"CalibMovingAverage": average}, granularity=granularity).path)
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name].astype(float), value.astype(float), rtol=1e-5, atol=1e-7, err_msg=name)


def test_outputs_stay_near_the_float_model(quantize: Quantize, save_network: Callable[..., Path]) -> None:
    float_model = save_network()
    per_channel, per_tensor = (
        error(quantize().path, float_model),
        error(quantize(granularity="per_tensor").path, float_model),
    )
    assert per_channel < 0.05
    assert per_channel < per_tensor < 0.3


@pytest.mark.parametrize("parameters", [{"calibrate_method": "Distribution"}, {"calibrate_method": "MinMax"}])
def test_symmetric_ranges_keep_the_relu(
    quantize: Quantize, save_network: Callable[..., Path], parameters: dict[str, str]
) -> None:
    outcome = quantize(parameters, {"CalibTensorRangeSymmetric": parameters["calibrate_method"] == "MinMax"})
    assert operators(outcome.path).count("Relu") == 2
    assert error(outcome.path, save_network()) < 0.1
    assert "Relu" not in operators(quantize().path)


@pytest.mark.parametrize("method", ["MinMax", "Entropy", "Percentile", "Distribution"])
def test_every_method_gives_a_useful_model(quantize: Quantize, save_network: Callable[..., Path], method: str) -> None:
    assert error(quantize({"calibrate_method": method}).path, save_network()) < 0.15


@pytest.mark.parametrize(
    ("parameters", "options", "wanted"),
    [
        ({"activType": "Int16"}, {}, (TensorProto.INT8, TensorProto.INT16, "")),
        ({"weightType": "Int4"}, {}, (TensorProto.INT4, TensorProto.INT8, "")),
        ({"weightType": "Int4"}, {"UseQDQContribOps": True}, (TensorProto.INT4, TensorProto.INT8, "com.microsoft")),
        ({"weightType": "UInt8", "activType": "UInt8"}, {}, (TensorProto.UINT8, TensorProto.UINT8, "")),
        ({"weightType": "Int16", "activType": "UInt16"}, {}, (TensorProto.INT16, TensorProto.UINT16, "")),
    ],
)
def test_other_number_formats(
    quantize: Quantize,
    save_network: Callable[..., Path],
    parameters: dict[str, str],
    options: dict[str, bool],
    wanted: tuple[int, int, str],
) -> None:
    weight, activation, domain = wanted
    outcome = quantize(parameters, options)
    model = onnx.load(str(outcome.path))
    onnx.checker.check_model(model)
    types = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert (types[f"{STEM_WEIGHT}_quantized"], types["input_zero_point"]) == (weight, activation)
    assert {node.domain for node in model.graph.node if node.op_type == "DequantizeLinear"} == {domain}
    wide = not domain and weight != TensorProto.UINT8
    assert inspect_onnx(outcome.path).opset == (21 if wide else 17)
    assert error(outcome.path, save_network()) < 0.4


def test_excluded_nodes_stay_float(quantize: Quantize) -> None:
    stored = initializers(quantize({"nodes_to_exclude": ["head", "deep_*"]}).path)
    assert {"head.weight", "deep.weight", f"{STEM_WEIGHT}_quantized"} <= set(stored)
    assert not {"head.weight_quantized", "deep.weight_quantized"} & set(stored)


def test_chosen_nodes_and_operators_only(quantize: Quantize) -> None:
    assert "head.weight" in initializers(quantize({"nodes_to_quantize": ["*_conv"]}).path)
    stored = initializers(quantize({"op_types_to_quantize": ["Gemm"]}).path)
    assert {"head.weight_quantized", "deep.weight"} <= set(stored)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"nodes_to_exclude": ["haed"]},
            'nodes_to_exclude: no node of the model is called "haed".\nDid you mean head?',
        ),
        ({"nodes_to_quantize": ["zzz*"]}, 'nodes_to_quantize: no node of the model is called "zzz*"'),
        ({"op_types_to_quantize": ["Convv"]}, "Convv cannot be quantized.\nDid you mean Conv"),
        ({"nodes_to_exclude": ["*"]}, "was quantized."),
    ],
)
def test_names_that_fit_nothing_are_refused(quantize: Quantize, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        quantize(parameters)
    assert message in str(caught.value)


def test_tensors_set_by_hand(quantize: Quantize) -> None:
    outcome = quantize(
        options={
            "weights_tensor_override": [
                ["head.weight", {"quant_type": "Int8", "axis": 0, "scale": [0.5] * 5, "zero_point": [0] * 5}]
            ],
            "activations_tensor_override": [["input", {"scale": 0.25, "zero_point": 3}]],
        }
    )
    stored = initializers(outcome.path)
    assert stored["head.weight_scale"].tolist() == [0.5] * 5
    assert (float(stored["input_scale"]), int(stored["input_zero_point"])) == (0.25, 3)


def test_unknown_tensor_set_by_hand_is_refused(quantize: Quantize) -> None:
    with pytest.raises(UserError, match=r"cannot quantize the model as asked: .*nowhere"):
        quantize(options={"activations_tensor_override": [["nowhere", {"quant_type": "Int8", "axis": 0}]]})


def test_extra_options_reach_onnxruntime(quantize: Quantize) -> None:
    symmetric = initializers(quantize(options={"ActivationSymmetric": True}).path)
    assert not any(np.any(value) for name, value in symmetric.items() if name.endswith("zero_point"))
    assert STEM_BIAS in initializers(quantize(options={"QuantizeBias": False}).path)


def test_lower_opset_is_raised_and_higher_one_kept(quantize: Quantize, save_network: Callable[..., Path]) -> None:
    raised = quantize(model=save_network("old.onnx", opset=13))
    kept = quantize(model=save_network("new.onnx", opset=20))
    assert (inspect_onnx(raised.path).opset, inspect_onnx(kept.path).opset) == (17, 20)
    assert any("stays in opset 20" in note for note in kept.notes)


@pytest.mark.parametrize(("batch", "wanted"), [("batch", None), (2, 2)])
def test_batch_stays_as_it_was(
    quantize: Quantize, save_network: Callable[..., Path], batch: int | str, wanted: int | None
) -> None:
    model = save_network(batch=batch)
    outcome = quantize(model=model)
    assert inspect_onnx(outcome.path).batch == wanted
    assert error(outcome.path, model) < 0.05


def test_file_says_how_it_was_quantized(quantize: Quantize, save_network: Callable[..., Path]) -> None:
    model = save_network()
    write_metadata(model, {"use_case": "classification", "class_names": ["a", "b"]})
    found = inspect_onnx(quantize(model=model, granularity="per_tensor").path)
    assert found.quantized
    assert found.metadata["class_names"] == ["a", "b"]
    description = found.metadata["quantization"]
    assert description["calibration"] == {"source": "train", "images": 20, "sha256": ""}
    assert description["calibrated"] is True
    assert (description["granularity"], description["weight_type"]) == ("per_tensor", "Int8")


def test_random_images_are_called_uncalibrated(quantize: Quantize) -> None:
    outcome = quantize(source="random", count=10)
    assert inspect_onnx(outcome.path).metadata["quantization"]["calibrated"] is False
    assert any("random inputs, not from images" in note for note in outcome.notes)


def test_quantized_model_is_returned_unchanged(quantize: Quantize, tmp_path: Path) -> None:
    first = quantize()
    before = first.path.read_bytes()
    again = quantize(model=first.path, granularity="per_tensor")
    assert again.already_quantized
    assert again.path == first.path
    assert (again.granularity, again.weight_type) == ("per_channel", "Int8")
    assert first.path.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["net_infer.onnx", first.path.name]


def test_the_float_graph_beside_it_computes_what_the_model_computes(
    quantize: Quantize, tmp_path: Path, save_network: Callable[..., Path]
) -> None:
    quantize()
    assert error(tmp_path / "out" / "net_infer.onnx", save_network()) < 1e-5


def test_same_input_gives_same_bytes(quantize: Quantize) -> None:
    first = quantize().path.read_bytes()
    assert quantize().path.read_bytes() == first


def test_options_without_effect_are_noted(quantize: Quantize) -> None:
    notes = quantize(quantization_input_type="int8").notes
    assert any("stay float" in note for note in notes)


def test_reports_of_onnxruntime_become_notes(quantize: Quantize, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = quantize(options={"QDQDisableWeightAdjustForInt32Bias": True, "weights_tensor_override": [
        [STEM_WEIGHT, {"axis": 0, "scale": [1e-12] * 8, "zero_point": [0] * 8}]
    ]})  # fmt: skip
    assert any(STEM_BIAS in note and "int32" in note for note in outcome.notes)
    assert capfd.readouterr() == ("", "")


def test_constants_that_nodes_share_are_repeated(quantize: Quantize, save_network: Callable[..., Path]) -> None:
    """GELU appears in many places with the same factors; onnxruntime cannot open a file that shares them."""
    path = save_network()
    graph = onnx.load(str(path))
    graph.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "half"))
    for name in ("c", "f"):
        for node in graph.graph.node:
            for position, source in enumerate(node.input):
                if source == name:
                    node.input[position] = f"{name}_half"
        after = next(number for number, node in enumerate(graph.graph.node) if name in node.output)
        graph.graph.node.insert(
            after + 1, onnx.helper.make_node("Mul", [name, "half"], [f"{name}_half"], f"half_{name}")
        )
    onnx.save(graph, str(path))
    quantized = quantize(model=path).path
    nodes = onnx.load(str(quantized)).graph.node
    users = [source for node in nodes for source in node.input]
    constants = [node.output[0] for node in nodes if node.input[0].startswith("half_quantized")]
    assert [users.count(name) for name in constants] == [1, 1]
    assert error(quantized, path) < 0.05
