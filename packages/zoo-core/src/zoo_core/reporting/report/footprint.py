"""Own what a report shows of a benchmark: the board's memories, and memory and work from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoo_core.charts import Chart, Series
from zoo_core.reporting.metric_text import metric_text
from zoo_core.results import BenchmarkResult, DeploymentResult
from zoo_core.runs.store import RunRecord

KIB = 1024
LIVE, OUTPUT = "live_bytes", ("output_bytes", "activation_bytes")
WORK = (("instructions", "instructions"), ("share", "share of the time"), ("macs", "multiplications and additions"))
"""Key of a layer -> what it counts; the first that is known is shown."""
MOST_LAYERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBar:
    """Hold one memory of the board and how much of it is used."""

    name: str
    kind: str
    external: bool
    used: str
    size: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkBar:
    """Hold one layer and how much of the work it is."""

    name: str
    op_type: str
    text: str
    share: float
    """Part of the largest layer, 0 to 1."""
    part: str
    """Part of all layers in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FootprintView:
    """Hold what is shown of one benchmark or deployment."""

    device: str
    memories: tuple[MemoryBar, ...]
    chart: Chart | None
    peak: str
    work_title: str
    work: tuple[WorkBar, ...]
    layers_left_out: int
    facts: tuple[tuple[str, str], ...]


def footprints(record: RunRecord) -> tuple[FootprintView, ...]:
    """Return what is to be shown of every benchmark and deployment of a run that says something of it."""
    views = [
        _view(stage.result, stage.result.details)
        for stage in record.results
        if isinstance(stage.result, BenchmarkResult | DeploymentResult)
    ]
    return tuple(view for view in views if view.memories or view.chart or view.work or view.facts)


def _view(result: BenchmarkResult | DeploymentResult, details: Mapping[str, Any]) -> FootprintView:
    layers = [layer for layer in details.get("layers") or [] if isinstance(layer, Mapping)]
    title, work = _work(layers)
    chart = _memory_chart(layers)
    return FootprintView(
        device=result.device if isinstance(result, BenchmarkResult) else result.target,
        memories=tuple(_bar(memory) for memory in details.get("memories") or []),
        chart=chart,
        peak=_peak(layers, details),
        work_title=title,
        work=work[:MOST_LAYERS],
        layers_left_out=max(len(work) - MOST_LAYERS, 0),
        facts=tuple((name.replace("_", " "), text) for name, text in result.facts.items()),
    )


def _bar(memory: Mapping[str, Any]) -> MemoryBar:
    used, size = float(memory["used"]), float(memory["size"])
    return MemoryBar(
        name=str(memory["name"]),
        kind=str(memory["kind"]).upper() if memory["kind"] == "ram" else str(memory["kind"]),
        external=bool(memory.get("external")),
        used=metric_text(used, "bytes"),
        size=metric_text(size, "bytes"),
        share=min(used / size, 1.0) if size else 0.0,
    )


def _memory_chart(layers: Sequence[Mapping[str, Any]]) -> Chart | None:
    """Return the bytes that tensors take while each layer runs; the output of each layer where that is not known."""
    for key in (LIVE, *OUTPUT):
        values = [layer.get(key) for layer in layers]
        if len(values) > 1 and all(isinstance(value, int | float) for value in values):
            title = "activations alive while each layer runs" if key == LIVE else "output of each layer"
            y = tuple(float(value or 0) / KIB for value in values)
            x = tuple(float(number) for number in range(1, len(y) + 1))
            series = Series(label="", x=x, y=y, emphasis=True)
            return Chart(name="memory", title=title, x_label="layer", y_label="KiB", series=(series,))
    return None


def _peak(layers: Sequence[Mapping[str, Any]], details: Mapping[str, Any]) -> str:
    name = details.get("peak_layer")
    found = next((layer for layer in layers if layer.get("name") == name), None)
    if not name or found is None:
        return ""
    tensors = details.get("peak_tensors") or {}
    held = ", ".join(f"{tensor} ({metric_text(size, 'bytes')})" for tensor, size in tensors.items())
    return f"The most memory is in use in layer {layers.index(found) + 1}, {name}" + (f": {held}." if held else ".")


def _work(layers: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[WorkBar, ...]]:
    for key, title in WORK:
        found = [(float(layer[key]), layer) for layer in layers if isinstance(layer.get(key), int | float)]
        total = sum(value for value, _ in found)
        if total > 0:
            largest = max(value for value, _ in found)
            order = sorted(found, key=lambda item: -item[0])
            return title, tuple(_work_bar(key, value, layer, largest, total) for value, layer in order if value)
    return "", ()


def _work_bar(key: str, value: float, layer: Mapping[str, Any], largest: float, total: float) -> WorkBar:
    return WorkBar(
        name=str(layer.get("name", "")),
        op_type=str(layer.get("op_type", "")),
        text="" if key == "share" else metric_text(value, ""),
        share=value / largest,
        part=f"{100 * value / total:.1f} %",
    )
