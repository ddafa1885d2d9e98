"""Own what a card says of how the model was made: the chain, the training, the quantization, the libraries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoo_core.reporting.card.markdown import bullets, escape, pairs, section, table
from zoo_core.reporting.card.paths import Places, last_name
from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.time_text import duration
from zoo_core.results import ExportResult, QuantizationResult, TrainingResult, WeightsResult
from zoo_core.runs.store import RunRecord, StageRecord

WITH_MOMENTUM = ("sgd", "nesterov", "momentum", "rms")
"""Parts of the names of optimizers that read `momentum`; others have rates of their own."""
MOST_SKIPPED = 20
"""Skipped files that a card names."""


def making_section(record: RunRecord, places: Places) -> str:
    """Return the chain with its times, and the settings of training and quantization."""
    parts = [_chain(record)]
    for stage in record.results:
        result = stage.result
        if isinstance(result, TrainingResult):
            parts += ["### Training", _training(record, result)]
        elif isinstance(result, WeightsResult):
            parts += [
                "### Weights",
                f"Published weights, not trained in this run: {escape(places.clean(result.source))}.",
            ]
        elif isinstance(result, ExportResult):
            parts += ["### Export", _export(result)]
        elif isinstance(result, QuantizationResult):
            parts += ["### Quantization", _quantization(record, result, places)]
    return section("How it was made", *parts)


def limits_section(record: RunRecord, places: Places) -> str:
    """Return what the stages found and noted, and the files that they left out."""
    lines: list[str] = []
    for stage in record.results:
        if stage.stage.service not in ("benchmarking", "deployment"):
            lines += [f"{escape(name)}: {escape(places.clean(text))}" for name, text in stage.result.facts.items()]
            lines += [escape(places.clean(text)) for text in stage.result.notes]
        lines += _skipped(stage, places)
    return section("Limits and notes", bullets(dict.fromkeys(lines)))


def versions_section(record: RunRecord) -> str:
    """Return the libraries that the run was carried out with."""
    rows = [(escape(name), escape(version)) for name, version in record.manifest.versions.items()]
    return section("Versions", table(("library", "version"), rows)) if rows else ""


def _chain(record: RunRecord) -> str:
    rows = [(escape(stage.stage.id), duration(stage.seconds)) for stage in record.results]
    rows.append(("in all", duration(sum(stage.seconds for stage in record.results))))
    mode = f"`operation_mode: {record.manifest.operation_mode}`, seed {record.manifest.seed}."
    return f"{mode}\n\n{table(('stage', 'time'), rows, right=('time',))}"


def _training(record: RunRecord, result: TrainingResult) -> str:
    training = _mapping(record.manifest.config.get("training"))
    optimizer, schedule = _mapping(training.get("optimizer")), _mapping(training.get("lr_scheduler"))
    rates = {
        "schedule": schedule.get("sched"),
        "lr": schedule.get("lr"),
        "warmup_epochs": schedule.get("warmup_epochs"),
    }
    augmentation = _mapping(record.manifest.config.get("data_augmentation"))
    stopped = ", stopped early" if result.stopped_early else ""
    return pairs([
        ("epochs", f"{result.epochs}{stopped}"),
        ("kept epoch", f"{result.best_epoch}, by {escape(result.monitor)} {metric_text(result.best_value, '')}"),
        ("batch size", _text(training.get("batch_size"))),
        ("optimizer", _text(optimizer.get("opt"))),
        ("momentum", _text(optimizer.get("momentum")) if _has_momentum(optimizer.get("opt")) else ""),
        ("weight decay", _text(optimizer.get("weight_decay"))),
        ("learning rate", _text(rates["lr"])),
        ("schedule", _text(rates["schedule"])),
        ("warm-up epochs", _text(rates["warmup_epochs"])),
        ("schedule by callback", _text(_schedule(training))),
        ("augmentation", escape(", ".join(name for name, value in augmentation.items() if isinstance(value, Mapping)))),
        ("seed", str(record.manifest.seed)),
    ])  # fmt: skip


def _has_momentum(optimizer: Any) -> bool:
    return any(part in str(optimizer).lower() for part in WITH_MOMENTUM)


def _schedule(training: Mapping[str, Any]) -> Any:
    callback = _mapping(training.get("callbacks")).get("LearningRateScheduler")
    return _mapping(callback).get("schedule")


def _export(result: ExportResult) -> str:
    return pairs([
        ("ONNX opset", str(result.opset)),
        ("batch size", escape(result.batch)),
        ("parameters", f"{result.parameters:,}"),
        ("largest difference from torch", f"{result.parity_max_abs:.3g} (allowed {result.parity_tolerance:.3g})"),
    ])  # fmt: skip


def _quantization(record: RunRecord, result: QuantizationResult, places: Places) -> str:
    section_ = _mapping(record.manifest.config.get("quantization"))
    parameters = _mapping(section_.get("onnx_quant_parameters"))
    images = (
        f"{result.calibration_images}, {escape(places.clean(result.calibrated_on))}"
        if result.calibration_images
        else ""
    )
    return pairs([
        ("quantizer", escape(result.quantizer)),
        ("granularity", escape(result.granularity.replace("_", " "))),
        ("weights", escape(result.weight_type)),
        ("activations", escape(result.activation_type)),
        ("calibration", _text(parameters.get("calibrate_method"))),
        ("calibration images", images),
        ("size", f"{metric_text(result.float_bytes, 'bytes')} to {metric_text(result.quantized_bytes, 'bytes')}"),
    ])  # fmt: skip


def _skipped(stage: StageRecord, places: Places) -> Iterable[str]:
    skipped = stage.result.skipped
    if not skipped:
        return
    named = [f"{escape(last_name(file.path))} ({escape(places.clean(file.reason))})" for file in skipped[:MOST_SKIPPED]]
    more = f", and {len(skipped) - MOST_SKIPPED} more" if len(skipped) > MOST_SKIPPED else ""
    count = len(skipped)
    yield f"{escape(stage.stage.id)} left out {count} file{'s' if count != 1 else ''}: {', '.join(named)}{more}"


def _text(value: Any) -> str:
    return "" if value is None else escape(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
