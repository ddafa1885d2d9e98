"""Own a finished run of a small chain, with real ONNX files, that cards are written of."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from zoo_core.artifacts import Checkpoint, FloatOnnx, QuantizedOnnx, hash_file
from zoo_core.protocols import Stage
from zoo_core.results import (
    BenchmarkResult,
    EvaluationResult,
    ExportResult,
    MeasuredFile,
    MetricValue,
    QuantizationResult,
    SkippedFile,
    TrainingResult,
)
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run, RunRecord, read_run

SERVICES = ("training", "export", "quantization", "evaluation", "benchmarking")
CLASSES = ["cat", "do|g", "*fox*"]
METADATA = {
    "model_name": "tinynet",
    "use_case": "classification",
    "input": [3, 8, 8],
    "class_names": CLASSES,
    "preprocessing": {"color_mode": "rgb", "scale": 0.5},
}
HOME = "/".join(("", "home", "somebody"))
CONFIG = {
    "model": {"model_name": "tinynet", "input_shape": [3, 8, 8]},
    "dataset": {"dataset_name": None, "training_path": f"{HOME}/my pets/train", "test_path": "/srv/pets/test"},
    "training": {
        "batch_size": 16,
        "optimizer": {"opt": "sgd", "momentum": 0.9, "weight_decay": 0.01},
        "lr_scheduler": {"sched": "cosine", "lr": 0.05, "warmup_epochs": 2},
    },
    "quantization": {"onnx_quant_parameters": {"calibrate_method": "MinMax"}},
    "evaluation": {"target": "host"},
}


def write_onnx(path: Path, *, doc: str) -> None:
    shape = ["batch", 3, 8, 8]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["image"], ["scores"])],
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, doc_string=doc, opset_imports=[helper.make_opsetid("", 17)])
    helper.set_model_props(model, {"zoo": json.dumps(METADATA)})
    path.parent.mkdir(parents=True)
    onnx.save(model, path)


def metric(name: str, value: float, model: str, split: str = "test", unit: str = "%") -> MetricValue:
    return MetricValue(name=name, value=value, unit=unit, model=model, split=split)


def results(root: Path, weights: Path, flat: Path, quantized: Path):
    """Yield the result and the artifact of each stage."""
    measured = {
        model: MeasuredFile(model, path.relative_to(root).as_posix(), hash_file(path))
        for model, path in (("float", flat), ("int8", quantized))
    }
    yield (
        TrainingResult(
            metrics=(metric("top1", 81.0, "float", "validation"),),
            skipped=(SkippedFile("/srv/pets/train/br|oken.jpg", "cannot decode"),),
            notes=("The training starts from /opt/weights/start.pth, <b>as asked</b>.",),
            epochs=7,
            best_epoch=6,
            monitor="top1",
            best_value=81.0,
            seconds=3.0,
        ),
        Checkpoint(path=weights, sha256=hash_file(weights), made_by="1_training"),
    )
    yield (
        ExportResult(opset=17, batch="dynamic", parity_max_abs=1e-6, parity_tolerance=1e-4, parameters=1234),
        FloatOnnx(path=flat, sha256=hash_file(flat), made_by="2_export"),
    )
    yield (
        QuantizationResult(
            quantizer="onnx_quantizer",
            granularity="per_channel",
            weight_type="Int8",
            activation_type="Int8",
            calibration_images=40,
            calibrated_on="the training set",
            float_bytes=flat.stat().st_size,
            quantized_bytes=quantized.stat().st_size,
        ),
        QuantizedOnnx(path=quantized, sha256=hash_file(quantized), made_by="3_quantization"),
    )
    yield (
        EvaluationResult(
            metrics=(
                metric("top1", 80.25, "int8"),
                metric("macro_f1", 79.0, "int8"),
                metric("top1", 82.5, "float"),
                metric("macro_f1", 80.0, "float"),
            ),
            measured=(measured["int8"], measured["float"]),
            split="test",
            images=400,
        ),
        None,
    )
    yield (
        BenchmarkResult(
            metrics=(
                MetricValue(name="total_flash", value=2048.0, unit="bytes", higher_is_better=False, model="int8"),
                MetricValue(name="instructions", value=76.1e6, higher_is_better=False, model="int8"),
            ),
            facts={"fits": "yes, in internal memory"},
            measured=(measured["int8"],),
            target="stm32h747i_disco",
            device="STM32H747I-DISCO, emulated",
            details={"measured_on": "emulator: unicorn"},
        ),
        None,
    )


def build_run(root: Path) -> Path:
    stages = [Stage(number, service) for number, service in enumerate(SERVICES, start=1)]
    manifest = RunManifest(
        operation_mode="chain_tqeb",
        use_case="classification",
        project_name="pets",
        model_name="tinynet",
        config={**CONFIG, "hydra": {"run": {"dir": str(root)}}},
        config_file=f"{HOME}/pets.yaml",
        base_dir=HOME,
        overrides=(),
        config_hash="0",
        seed=42,
        created="2026-11-20T10:00:00+00:00",
        stages=tuple(StageEntry(id=stage.id, service=stage.service) for stage in stages),
        versions={"python": "3.11.7", "onnx": "1.23.2"},
    )
    run = Run.create(RunLayout(root), manifest)
    weights, flat = root / "saved_models" / "best.pt", root / "saved_models" / "tinynet" / "tinynet.onnx"
    quantized = root / "quantized_models" / "tinynet_quant.onnx"
    write_onnx(flat, doc="float")
    write_onnx(quantized, doc="quantized")
    weights.write_bytes(b"weights")
    for stage, (result, artifact) in zip(stages, results(root, weights, flat, quantized), strict=True):
        run.finish_stage(stage, result, artifact, fingerprint="f", seconds=2.0 * stage.index)
    run.set_status("done")
    return root


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """Return the folder of a finished run."""
    return build_run(tmp_path / "runs" / "pets run")


@pytest.fixture
def record(run_dir: Path) -> RunRecord:
    """Return a finished run."""
    return read_run(run_dir)


@pytest.fixture
def with_result(record: RunRecord) -> Callable[..., RunRecord]:
    """Return a function that gives the run with other fields in the result of one service."""

    def change(service: str, **fields: object) -> RunRecord:
        stages = tuple(
            replace(stage, result=replace(stage.result, **fields)) if stage.stage.service == service else stage
            for stage in record.results
        )
        return replace(record, results=stages)

    return change
