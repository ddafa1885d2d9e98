"""A budget on the loss of int8 acts: as a gate, as the goal of a ladder, and with an inspection that names layers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization.shape_inference import quant_pre_process

from zoo_core.errors import ConfigError, UserError
from zoo_core.export.onnx_file import inspect_onnx, set_metadata
from zoo_core.quantization.graph import finish_graph

CONFIG = """\
operation_mode: quantization
use_case: classification
general: {seed: 7}
model: {model_path: MODEL}
dataset:
  dataset_name: custom
  quantization_path: DATA/train
  validation_path: DATA/test
  workers: 0
quantization: {granularity: per_tensor}
hydra: {run: {dir: RUN_DIR}}
"""


def sabotage(source: Path, target: Path) -> Path:
    """Rescale the channels between consecutive convolutions by 2^-6 to 2^6; the function stays the same."""
    folded = target.with_suffix(".folded.onnx")
    quant_pre_process(source, folded, skip_symbolic_shape=True)
    model, original = onnx.load(str(folded)), onnx.load(str(source))
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    rng = np.random.default_rng(3)
    pairs = 0
    for first in [node for node in model.graph.node if node.op_type == "Conv"]:
        after = users.get(first.output[0], [])
        if len(after) == 1 and after[0].op_type == "Relu":
            after = users.get(after[0].output[0], [])
        if len(after) != 1 or after[0].op_type != "Conv":
            continue
        count = constants[first.input[1]].dims[0]
        factors = (2.0 ** rng.uniform(-6, 6, count)).astype(np.float32)
        for name, scale in (
            (first.input[1], factors[:, None, None, None]),
            (first.input[2], factors),
            (after[0].input[1], 1 / factors[None, :, None, None]),
        ):
            scaled = (numpy_helper.to_array(constants[name]) * scale).astype(np.float32)
            constants[name].CopyFrom(numpy_helper.from_array(scaled, name))
        pairs += 1
    assert pairs >= 3
    finish_graph(model, original)
    set_metadata(model, inspect_onnx(source).metadata)
    onnx.save(model, str(target))
    return target


@pytest.fixture(scope="module")
def float_model(finished: Any) -> Path:
    path: Path = next((finished.run_dir / "saved_models").rglob("*.onnx"))
    return path


@pytest.fixture(scope="module")
def sabotaged(float_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sabotage(float_model, tmp_path_factory.mktemp("sabotage") / "net.onnx")


@pytest.fixture
def quantize(chains: Any, digit_folders: Path, tmp_path: Path) -> Any:
    """Return a function that runs the quantization of a model; further settings are overrides."""

    def run(model: Path, *overrides: str, config: str = CONFIG, name: str = "run") -> Any:
        text = config.replace("MODEL", str(model)).replace("DATA", str(digit_folders))
        return chains.run(chains.write(tmp_path, text, name), *overrides)

    return run


def values(summary: Any) -> dict[str, float]:
    (record,) = summary.records
    return {metric.model: metric.value for metric in record.result.metrics if metric.name == "top1"}


def description(summary: Any) -> dict[str, Any]:
    (record,) = summary.records
    return dict(inspect_onnx(record.artifact.path).metadata["quantization"])


def test_too_large_a_loss_ends_the_run_and_says_what_to_try(quantize: Any, sabotaged: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        quantize(sabotaged, "quantization.max_drop=1.0")
    assert caught.value.exit_code == 2
    assert "points of top1 on 50 validation images" in caught.value.message
    assert "max_drop allows 1" in caught.value.message
    for text in ("optimize=True", "granularity=per_channel", "operating_mode=full_auto"):
        assert text in (caught.value.hint or "")
    assert (tmp_path / "run" / "quantized_models" / "net_quant_qdq_pt.onnx").is_file()
    assert not list((tmp_path / "run" / "stages").rglob("result.json"))


def test_optimize_mends_a_sabotaged_model(quantize: Any, float_model: Path, sabotaged: Path) -> None:
    healthy = values(quantize(float_model, "quantization.max_drop=100", name="healthy"))
    broken = values(quantize(sabotaged, "quantization.max_drop=100", name="broken"))
    mended = values(quantize(sabotaged, "quantization.max_drop=100", "quantization.optimize=True", name="mended"))
    assert healthy["float"] == broken["float"] == mended["float"]  # the same function
    assert broken["int8"] < healthy["int8"] - 10
    assert mended["int8"] >= healthy["int8"] - 2.0  # one of 50 images


def test_full_auto_climbs_until_the_budget_is_met(quantize: Any, sabotaged: Path, tmp_path: Path) -> None:
    summary = quantize(sabotaged, "quantization.operating_mode=full_auto")
    (record,) = summary.records
    ladder = json.loads((tmp_path / "run" / "stages" / "1_quantization" / "ladder.json").read_text())
    rungs = ladder["rungs"]
    assert rungs[0]["name"] == "plain"
    assert rungs[0]["drop"] > 1.0
    assert "equalization and bias correction" in [rung["name"] for rung in rungs]
    chosen = next(rung for rung in rungs if rung["key"] == ladder["facts"]["chosen"])
    assert chosen == rungs[-1]
    assert chosen["drop"] <= 1.0
    found = values(summary)
    assert found["float"] - found["int8"] == pytest.approx(chosen["drop"])
    assert description(summary)["recipe"] == chosen["recipe"]
    assert sum(name.startswith("rung ") for name in record.result.facts) == len(rungs)
    assert "stages/1_quantization/ladder.json" in record.result.files


def test_inspection_names_the_layers_that_cost_most(quantize: Any, sabotaged: Path, tmp_path: Path) -> None:
    summary = quantize(sabotaged, "quantization.operating_mode=inspection")
    folder = tmp_path / "run" / "stages" / "1_quantization"
    with (folder / "inspection.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len({row["tensor"] for row in rows}) > 10
    report = json.loads((folder / "inspection.json").read_text())
    assert report["measure"] == "top1"
    reasons = json.dumps(report["layers"][0]["reasons"])
    assert "optimize" in reasons  # the cure for channels of unlike ranges
    assert (folder / "inspection.png").read_bytes().startswith(b"\x89PNG")
    assert {f"stages/1_quantization/inspection.{end}" for end in ("csv", "json", "png")} <= set(
        summary.records[0].result.files
    )


def test_inspection_needs_no_labelled_images(quantize: Any, sabotaged: Path, tmp_path: Path) -> None:
    config = CONFIG.replace("  validation_path: DATA/test\n", "")
    quantize(sabotaged, "quantization.operating_mode=inspection", config=config)
    report = json.loads((tmp_path / "run" / "stages" / "1_quantization" / "inspection.json").read_text())
    assert report["measure"] == "output_snr"


@pytest.mark.parametrize("setting", ["max_drop=1.0", "operating_mode=full_auto"])
def test_a_budget_without_labelled_images_is_refused_before_the_run(
    quantize: Any, float_model: Path, tmp_path: Path, setting: str
) -> None:
    with pytest.raises(ConfigError, match="test_path or validation_path or training_path is needed"):
        quantize(float_model, f"quantization.{setting}", config=CONFIG.replace("  validation_path: DATA/test\n", ""))
    assert not (tmp_path / "run").exists()


def test_images_that_calibrate_do_not_judge(quantize: Any, float_model: Path) -> None:
    config = CONFIG.replace("quantization_path: DATA/train", "quantization_path: DATA/test")
    with pytest.raises(UserError, match="besides those that calibrate"):
        quantize(float_model, "quantization.max_drop=1.0", config=config)


def test_calibration_images_are_listed_and_hashed(quantize: Any, float_model: Path, tmp_path: Path) -> None:
    summary = quantize(float_model)
    listed = (tmp_path / "run" / "stages" / "1_quantization" / "calibration_images.txt").read_text().splitlines()
    assert len(listed) == 200
    assert all(Path(name).is_file() for name in listed)
    assert description(summary)["calibration"] | {"sha256": ""} == {
        "source": "dataset.quantization_path", "images": 200, "sha256": "",
    }  # fmt: skip
    assert len(description(summary)["calibration"]["sha256"]) == 64


def test_a_model_that_loses_nothing_passes_the_gate(quantize: Any, float_model: Path) -> None:
    found = values(quantize(float_model, "quantization.max_drop=100", "quantization.granularity=per_channel"))
    assert set(found) == {"float", "int8"}
