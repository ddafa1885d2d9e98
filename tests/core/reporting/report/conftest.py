"""A finished run of made-up numbers with everything that a report can show, and a reader of its page."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from PIL import Image

from zoo_core.artifacts import FloatOnnx, QuantizedOnnx, hash_file
from zoo_core.charts import Chart, CountTable, Series, drawings_document
from zoo_core.protocols import Stage
from zoo_core.results import (
    BenchmarkResult,
    EvaluationResult,
    MeasuredFile,
    MetricValue,
    PredictionResult,
    QuantizationResult,
    SkippedFile,
    TrainingResult,
)
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run

SERVICES = ("training", "quantization", "evaluation", "benchmarking", "prediction")
EVIL = '<script>alert("x")</script>&'
VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """Read a page strictly: every element is closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.texts = []
        self.faults = []
        self._open = []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} is never closed" for tag in self._open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if self._open and self._open[-1] not in {"style", "title"}:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def read_page():
    return lambda path: Page(path.read_text(encoding="utf-8"))


def metric(name, value, model, split="test", unit="%", *, higher=True):
    return MetricValue(name=name, value=value, unit=unit, model=model, split=split, higher_is_better=higher)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def manifest():
    return RunManifest(
        operation_mode="chain_tqeb",
        use_case="classification",
        project_name="<unnamed>",
        model_name="net_a",
        config={"evaluation": {"target": "host"}, "quantization": {"max_drop": 1.0}},
        config_file="user.yaml",
        base_dir=".",
        overrides=("training.epochs=3",),
        config_hash="c0ffee",
        seed=42,
        created="2026-11-22T03:04:05+00:00",
        stages=tuple(StageEntry(id=f"{n}_{name}", service=name) for n, name in enumerate(SERVICES, 1)),
        versions={"python": "3.11.0", "zoo-core": "0.1.0"},
        host={"system": "Linux"},
        notes=("The note of the configuration.",),
    )


def training(root):
    rows = ["epoch,lr,train_loss,val_loss,val_top1", "1,0.1,2.0,1.5,40", "2,0.05,1.0,1.2,70", "3,0.01,0.5,1.1,80"]
    write(root / "stages/1_training/summary.csv", "\n".join(rows))
    return TrainingResult(
        metrics=(metric("top1", 80.0, "float", "validation"),),
        epochs=3,
        best_epoch=3,
        monitor="top1",
        best_value=80.0,
        seconds=9.0,
    )


def quantization(root):
    rung = {"description": "words", "recipe": {}, "weight_bytes": 2048, "seconds": 3.0, "notes": []}
    ladder = {
        "facts": {"float_metric": {"value": 80.0, "unit": "%"}, "chosen": "k2"},
        "rungs": [
            {**rung, "name": "plain", "value": 70.0, "drop": 10.0, "key": "k1"},
            {**rung, "name": "equalized", "value": 79.5, "drop": 0.5, "key": "k2"},
        ],
    }
    reason = {"code": "channel_spread", "evidence": "one channel is wide.", "remedy": "optimize it"}
    layer = {"layer": "conv_7", "op_type": "Conv", "own": 12.5, "accumulated": 10.0, "loss": 4.25, "reasons": [reason]}
    inspection = {"output_snr": 9.0, "measure": "top1", "unit": "%", "layers": [layer]}
    write(root / "stages/2_quantization/ladder.json", json.dumps({"schema_version": 1, **ladder}))
    write(root / "stages/2_quantization/inspection.json", json.dumps(inspection))
    return QuantizationResult(
        quantizer="onnx_quantizer",
        granularity="per_channel",
        weight_type="Int8",
        activation_type="Int8",
        calibration_images=32,
        calibrated_on="train",
        float_bytes=8192,
        quantized_bytes=2048,
    )


def evaluation(root, model):
    folder = root / "stages/3_evaluation"
    curve = Series(label="mean", x=(0.0, 0.5, 1.0), y=(1.0, 0.9, 0.0), emphasis=True)
    chart = Chart(name="pr", title="Precision", x_label="recall", y_label="precision", series=(curve,))
    thin = replace(curve, label="one class", emphasis=False)
    table = CountTable(
        name="confusion_matrix",
        title="Confusion",
        row_label="true class",
        column_label="answer",
        rows=(EVIL, "dog"),
        columns=(EVIL, "dog"),
        counts=((9, 1), (3, 7)),
    )
    for name, drawings in (("int8", [chart, table]), ("float", [replace(chart, series=(curve, thin))])):
        document = {**drawings_document(drawings), "model": name, "split": "test"}
        write(folder / f"{name}_model_test_set_charts.json", json.dumps(document))
    Image.new("RGB", (64, 48), "red").save(folder / "p.jpg")
    example = {"picture": "p.jpg", "truth": "p.jpg"}
    examples = [
        {**example, "image": f"folder/{EVIL}.png", "score": 0.25, "right": False, "text": "predicted cat, is dog"},
        {**example, "image": "b.png", "score": 1.0, "right": True, "text": "predicted dog, is dog", "truth": None},
    ]
    sheet = {"schema_version": 1, "model": "int8", "split": "test", "images": 20, "right": 16, "examples": examples}
    write(folder / "examples.json", json.dumps(sheet))
    return EvaluationResult(
        metrics=(metric("top1", 79.0, "int8"), metric("top1", 80.5, "float")),
        split="test",
        images=20,
        per_class=({"class": EVIL, "recall": 90.0, "support": 10},),
        skipped=(SkippedFile("broken.png", "is empty"),),
        notes=("A note of the evaluation.",),
        measured=(MeasuredFile("int8", model, "ab" * 32),),
    )


def benchmark(_):
    layer = {"op_type": "Conv", "macs": 100, "weight_bytes": 1, "output_bytes": 1}
    layers = [
        {**layer, "index": 0, "name": "first", "instructions": 300, "live_bytes": 2048},
        {**layer, "index": 1, "name": "second", "instructions": 100, "live_bytes": 4096},
    ]
    memory = {"kind": "ram", "external": False}
    return BenchmarkResult(
        metrics=(metric("total_flash", 5120.0, "int8", "", "bytes", higher=False),),
        facts={"bit_exact": "yes"},
        target="board",
        device="BOARD-1, emulated",
        details={
            "layers": layers,
            "memories": [{**memory, "name": "SRAM of the chip, next to the core", "size": 10_000, "used": 2_500}],
            "peak_layer": "second",
            "peak_tensors": {"map": 4096},
        },
    )


def prediction(root):
    (root / "predictions").mkdir()
    Image.effect_noise((480, 320), 90).save(root / "predictions/large.png")
    return PredictionResult(images=1, files=("predictions.json", "predictions/large.png"))


@pytest.fixture
def finished(tmp_path):
    """Return the folder of a finished run."""
    layout = RunLayout(tmp_path / "run")
    run = Run.create(layout, manifest())
    write(layout.resolved_config, f"general:\n  note: '{EVIL}'\n")
    model = layout.quantized_models / "net_a.onnx"
    write(model, "onnx")
    made = QuantizedOnnx(path=model, sha256=hash_file(model), made_by="2_quantization")
    trained = FloatOnnx(path=model, sha256="cd" * 32, made_by="1_training")
    outcomes = (
        (training(layout.root), trained),
        (quantization(layout.root), made),
        (evaluation(layout.root, "quantized_models/net_a.onnx"), None),
        (benchmark(layout.root), None),
        (prediction(layout.root), None),
    )
    for number, (name, (result, artifact)) in enumerate(zip(SERVICES, outcomes, strict=True), 1):
        run.finish_stage(Stage(number, name), result, artifact, fingerprint="f", seconds=10.0 * number)
    run.set_status("done")
    return layout.root
