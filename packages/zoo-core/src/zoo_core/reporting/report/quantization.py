"""Own what a report shows of a quantization: sizes, the ladder of `full_auto`, the layers that lose most and why."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.errors import RunStoreError
from zoo_core.reporting.metric_text import metric_text
from zoo_core.reporting.time_text import duration
from zoo_core.results import QuantizationResult
from zoo_core.runs.files import read_json
from zoo_core.runs.store import RunRecord

LADDER, INSPECTION = "ladder.json", "inspection.json"
MOST_LAYERS = 10
BEST_RATIO = 60.0
"""Signal-to-noise ratio in decibels that fills the bar of a layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungLine:
    """Hold one rung of the ladder."""

    name: str
    description: str
    value: str
    drop: str
    size: str
    time: str
    chosen: bool
    failed: bool
    """Whether it loses more than the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLine:
    """Hold one layer of an inspection."""

    name: str
    op_type: str
    own: str
    share: float
    """Length of its bar, 0 to 1: long is good."""
    accumulated: str
    loss: str
    reasons: tuple[tuple[str, str], ...]
    """What was seen, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationView:
    """Hold what is shown of one quantization."""

    facts: tuple[tuple[str, str], ...]
    float_metric: str
    rungs: tuple[RungLine, ...]
    layers: tuple[LayerLine, ...]
    output_ratio: str
    loss_of: str
    """What the losses of layers are losses of."""

    @property
    def has_reasons(self) -> bool:
        """Tell whether a reason was found for any layer."""
        return any(layer.reasons for layer in self.layers)


def quantizations(record: RunRecord) -> tuple[QuantizationView, ...]:
    """Return what is to be shown of every quantization of a run."""
    budget = (record.manifest.config.get("quantization") or {}).get("max_drop")
    return tuple(
        _view(stage.result, record.run_dir / "stages" / stage.stage.id, budget)
        for stage in record.results
        if isinstance(stage.result, QuantizationResult)
    )


def _view(result: QuantizationResult, folder: Path, budget: float | None) -> QuantizationView:
    ladder, inspection = _read(folder / LADDER), _read(folder / INSPECTION)
    metric: Mapping[str, Any] = ladder.get("facts", {}).get("float_metric") or {}
    unit = str(metric.get("unit", ""))
    chosen = ladder.get("facts", {}).get("chosen")
    ratio = inspection.get("output_snr")
    return QuantizationView(
        facts=tuple(_facts(result)),
        float_metric=metric_text(metric["value"], unit) if metric else "",
        rungs=tuple(_rung(rung, unit, chosen, budget) for rung in ladder.get("rungs", [])),
        layers=tuple(_layer(layer, inspection) for layer in inspection.get("layers", [])[:MOST_LAYERS]),
        output_ratio="" if ratio is None else f"{ratio:.1f} dB",
        loss_of=str(inspection.get("measure", "")),
    )


def _facts(result: QuantizationResult) -> list[tuple[str, str]]:
    smaller = result.float_bytes / result.quantized_bytes if result.quantized_bytes else 0.0
    sizes = f"{metric_text(result.float_bytes, 'bytes')} to {metric_text(result.quantized_bytes, 'bytes')}"
    images = f"{result.calibration_images} images, {result.calibrated_on}" if result.calibrated_on else "none"
    found = {
        "quantizer": result.quantizer,
        "scales": result.granularity.replace("_", " "),
        "weights, activations": f"{result.weight_type}, {result.activation_type}",
        "calibrated on": images,
        "file": f"{sizes} ({smaller:.1f} times smaller)",
    }
    others = {name: text for name, text in result.facts.items() if not name.startswith("rung ")}
    return [(name.replace("_", " "), text) for name, text in {**found, **others}.items() if text.strip(" ,")]


def _rung(rung: Mapping[str, Any], unit: str, chosen: str | None, budget: float | None) -> RungLine:
    return RungLine(
        name=str(rung["name"]),
        description=str(rung.get("description", "")),
        value=metric_text(rung["value"], unit),
        drop=f"{rung['drop']:+.2f}",
        size=metric_text(rung["weight_bytes"], "bytes"),
        time=duration(rung["seconds"]),
        chosen=rung.get("key") == chosen,
        failed=budget is not None and rung["drop"] > budget,
    )


def _layer(layer: Mapping[str, Any], inspection: Mapping[str, Any]) -> LayerLine:
    unit = str(inspection.get("unit", ""))
    loss = layer.get("loss")
    accumulated = layer.get("accumulated")
    return LayerLine(
        name=str(layer.get("layer") or "input of the model"),
        op_type=str(layer.get("op_type", "")),
        own=f"{layer['own']:.1f} dB",
        share=min(max(layer["own"] / BEST_RATIO, 0.0), 1.0),
        accumulated="" if accumulated is None else f"{accumulated:.1f} dB",
        loss="" if loss is None else metric_text(loss, unit),
        reasons=tuple(
            (str(reason.get("evidence", "")), str(reason.get("remedy", ""))) for reason in layer.get("reasons", [])
        ),
    )


def _read(path: Path) -> dict[str, Any]:
    with suppress(RunStoreError):
        return dict(read_json(path))
    return {}
