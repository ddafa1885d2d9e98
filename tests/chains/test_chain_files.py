"""A finished chain leaves the files that users of ST's services look for, and ours."""

import csv
import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from sklearn.datasets import load_digits

from zoo_core.runs.store import read_run


@pytest.fixture(scope="session")
def root(finished):
    return finished.run_dir


@pytest.mark.parametrize(
    "name",
    [
        "stm32ai_main.log",
        "run.json",
        "metrics.json",
        "resolved_config.yaml",
        ".hydra/config.yaml",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
        "saved_models/model_best.pth.tar",
        "saved_models/last.pth.tar",
        "saved_models/resnet8/resnet8.onnx",
        "quantized_models/resnet8_quant_qdq_pc.onnx",
        "quantized_models/resnet8_infer.onnx",
        "stages/1_training/summary.csv",
    ],
)
def test_file_exists(root, name):
    assert (root / name).stat().st_size > 0


def test_stages_ran_in_the_order_of_the_mode(finished):
    stages = [entry.service for entry in read_run(finished.run_dir).manifest.stages]
    assert stages == ["training", "export", "quantization", "evaluation", "benchmarking"]


def test_quantized_accuracy_is_measured_beside_float(finished):
    row = next(row for row in finished.rows if row.name == "top1" and row.split == "test")
    assert row.float_value is not None
    assert row.int8_value is not None
    assert abs(row.difference) < 5.0


def test_log_has_the_accuracy_under_known_keys(root):
    log = (root / "stm32ai_main.log").read_text()
    assert "int_acc_test_set : " in log
    assert "float_acc_test_set : " in log


def test_int8_accuracy_equals_that_of_plain_onnxruntime(finished):
    """The reported accuracy is what a person gets who feeds the same pictures to onnxruntime by hand."""
    from zoo_core.config.load import load_config
    from zoo_core.plugins import get_catalog
    from zoo_core.protocols import DataRequest

    loaded = load_config(finished.run_dir.parent / "config.yaml", catalog=get_catalog())
    request = DataRequest(splits=frozenset({"test"}), seed=loaded.config.dataset.seed)
    test = loaded.selection.dataset.spec.build.load()(loaded.config.dataset, request).test
    path = finished.run_dir / "quantized_models" / "resnet8_quant_qdq_pc.onnx"
    stored = json.loads(next(p.value for p in onnx.load(path).metadata_props if p.key == "zoo"))["preprocessing"]
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    right = 0
    for index in range(len(test)):
        sample = test[index]
        pixels = np.asarray(sample.image.resize((16, 16), 2), dtype=np.float32)
        pixels = pixels * stored["scale"] + stored["offset"]
        pixels = (pixels - stored["mean"][0]) / stored["std"][0]
        scores = session.run(None, {"input": pixels[None, None].astype(np.float32)})[0]
        right += int(scores.argmax() == sample.target)
    row = next(row for row in finished.rows if row.name == "top1" and row.split == "test")
    assert row.int8_value == pytest.approx(100 * right / len(test), abs=0.01)
    assert len(test) < len(load_digits().images) / 2


def test_best_weights_go_on_not_the_last(root):
    """The exported model holds the numbers of model_best, tensor by tensor."""
    state = torch.load(root / "saved_models" / "model_best.pth.tar", weights_only=True)["state_dict"]
    head = next(value for name, value in state.items() if value.shape == (10, 64))
    graph = onnx.load(root / "saved_models" / "resnet8" / "resnet8.onnx").graph
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer]
    assert any(w.shape == (10, 64) and np.allclose(w, head.numpy()) for w in weights) or any(
        w.shape == (64, 10) and np.allclose(w.T, head.numpy()) for w in weights
    )


def test_both_onnx_files_say_what_they_are(root):
    for path in (root / "saved_models/resnet8/resnet8.onnx", root / "quantized_models/resnet8_quant_qdq_pc.onnx"):
        model = onnx.load(path)
        stored = json.loads(next(p.value for p in model.metadata_props if p.key == "zoo"))
        assert stored["use_case"] == "classification"
        assert stored["class_names"] == [str(i) for i in range(10)]
        assert stored["input"] == [1, 16, 16]
        assert stored["preprocessing"]["scale"] == pytest.approx(1 / 255)
        assert len(stored["config_hash"]) == 64


def test_exported_opset_is_the_configured_one(root):
    model = onnx.load(root / "saved_models/resnet8/resnet8.onnx")
    assert [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")] == [17]


def test_summary_has_one_row_per_epoch(root):
    with (root / "stages/1_training/summary.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["epoch"]) for row in rows] == [0, 1] or [int(row["epoch"]) for row in rows] == [1, 2]


def test_confusion_matrix_counts_every_test_image(root, finished):
    path = next(root.glob("stages/*_evaluation/quantized_model_test_set*confusion*.csv"))
    with path.open() as stream:
        rows = list(csv.reader(stream))
    counts = np.array([[int(cell) for cell in row[1:]] for row in rows[1:]])
    record = next(r for r in finished.records if r.stage.service == "evaluation")
    assert counts.shape == (10, 10)
    assert counts.sum() == record.result.images


def test_benchmark_reports_latency_and_size(finished):
    record = next(r for r in finished.records if r.stage.service == "benchmarking")
    names = {metric.name: metric for metric in record.result.metrics}
    assert {"latency_median", "latency_p95"} <= set(names)
    assert names["latency_median"].value <= names["latency_p95"].value
    size = (finished.run_dir / "quantized_models" / "resnet8_quant_qdq_pc.onnx").stat().st_size
    assert any(metric.value == size for metric in names.values())
