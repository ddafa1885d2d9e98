"""Own the inspection of a quantized model: noise, effects, reasons and faults in one report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from zoo_core.export.onnx_file import save_onnx
from zoo_core.protocols import CalibrationData, Judge, Progress
from zoo_core.quantization.diagnosis.evidence import gather_fillings
from zoo_core.quantization.diagnosis.lint import LintFinding, lint
from zoo_core.quantization.diagnosis.noise import IMAGES, WEIGHT, TensorNoise, measure_noise, output_snr
from zoo_core.quantization.diagnosis.pairing import pair_graphs
from zoo_core.quantization.diagnosis.reasons import SOUND_DB, Reason, explain_layer
from zoo_core.quantization.diagnosis.sensitivity import layer_sensitivity, rank_layers
from zoo_core.results import MetricValue

LAYERS = 10
"""Layers whose effect is measured and explained."""
SHOWN = 5
LOSS_SHARE = 0.005
"""A layer that alone takes more than this share of the metric needs a reason."""
OUTPUT_SNR = "output_snr"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """State what one layer costs, and why."""

    layer: str
    """Name of the node; empty for the model's input."""
    op_type: str
    own: float
    """Signal-to-noise ratio in decibels of its output when it alone is quantized."""
    accumulated: float | None
    """The same in the quantized model, with the noise of all layers before."""
    value: float | None = None
    """What the model achieves when this layer alone is quantized; absent for layers that were not measured."""
    loss: float | None = None
    """What it loses by that, in the unit of the metric; absent without a judge."""
    reasons: tuple[Reason, ...] = ()

    @property
    def title(self) -> str:
        """Return the name and the operator."""
        return f"{self.layer} ({self.op_type})" if self.layer else "input of the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Hold what was found out about one quantized model."""

    images: int
    """Calibration images that noise was measured with."""
    output_snr: float
    """Signal-to-noise ratio in decibels of the model's output."""
    tensors: tuple[TensorNoise, ...]
    """Every tensor, the worst first."""
    layers: tuple[LayerReport, ...]
    """Every layer that has noise of its own: those measured by what they cost, then the others by their ratio."""
    findings: tuple[LintFinding, ...]
    measure: str
    """What effects are measured in: a metric, or `output_snr` in decibels."""
    unit: str
    reference: MetricValue | None = None
    """Metric of the float model; absent without a judge."""
    quantized: MetricValue | None = None
    """Metric of the quantized model; absent without a judge."""
    chance: float = 0.0
    """The most that a layer seems to gain by being quantized: losses up to it mean nothing."""

    def lines(self, shown: int = SHOWN) -> tuple[str, ...]:
        """Return the report in a handful of lines, the worst layers first."""
        lines = [f"The output keeps a signal-to-noise ratio of {self.output_snr:.1f} dB over {self.images} images."]
        if self.reference is not None and self.quantized is not None:
            lines.append(
                f"{self.measure}: float {self.reference.value:.2f}{self.unit}, "
                f"quantized {self.quantized.value:.2f}{self.unit} ({self.reference.split})."
            )
        if self.chance > 0.0:
            lines.append(
                f"Some layers seem to gain up to {self.chance:.2f}{self.unit} by being quantized, so that losses up to "
                "that are chance; more images would tell."
            )
        lines += [self._line(index, report) for index, report in enumerate(self.layers[:shown], start=1)]
        lines += [f"{finding.severity}: {finding}" for finding in self.findings if finding.severity != "note"]
        return tuple(lines)

    def _line(self, index: int, report: LayerReport) -> str:
        parts = [f"own ratio {report.own:.1f} dB"]
        if report.loss is not None:
            parts.append(f"alone costs {report.loss:.2f}{self.unit} of {self.measure}")
        elif report.value is not None:
            parts.append(f"alone leaves {report.value:.1f} dB at the output")
        reason = f" {str(report.reasons[0])[:1].upper()}{str(report.reasons[0])[1:]}" if report.reasons else ""
        return f"{index}. {report.title}: {', '.join(parts)}.{reason}"


def inspect(
    quantized: onnx.ModelProto,
    original: onnx.ModelProto,
    calibration: CalibrationData,
    progress: Progress,
    *,
    judge: Judge | None = None,
    images: int | None = IMAGES,
    layers: int = LAYERS,
    judge_images: int | None = None,
) -> Inspection:
    """Find out what every layer of a quantized model costs, and why.

    All layers are ranked by the noise that each adds by itself; only the worst are measured by the metric and
    explained, because each takes a whole evaluation.

    Args:
        quantized: QDQ graph.
        original: Float graph it was made from, with the same names of nodes.
        calibration: Images that noise and ranges are measured with.
        progress: Shows how far it is.
        judge: Measures the metric; effects are ratios at the output without it.
        images: Number of calibration images, evenly spread; all when nothing.
        layers: Number of layers that are measured and explained.
        judge_images: Number of the judge's images; all when nothing.

    Raises:
        DataError: When there are no images.
        UserError: When the graphs do not belong together.
    """
    pair = pair_graphs(quantized, original)
    noise = measure_noise(quantized, original, calibration, progress, images=images)
    worst = rank_layers(noise)[:layers]
    bench = _Bench(quantized, original, calibration, judge, images, judge_images)
    with tempfile.TemporaryDirectory(prefix="zoo_inspect_") as folder:
        reference, found = bench.judge_both(Path(folder))
        effects = layer_sensitivity(quantized, original, worst, bench.measure(Path(folder)), progress)
    fillings = gather_fillings(pair, worst, calibration, progress, images=images)
    by_name = {layer.name: layer for layer in pair.layers}
    values = {effect.layer: effect.value for effect in effects}
    losses = {} if reference is None else {name: _loss(value, reference) for name, value in values.items()}
    chance = max(0.0, -min(losses.values(), default=0.0))
    reasons = {
        name: explain_layer(
            by_name.get(name),
            [row for row in noise if row.layer == name],
            pair,
            fillings,
            harmful=_is_harmful(values[name], losses.get(name), chance, reference),
        )
        for name in worst
    }
    return Inspection(
        images=min(images or len(calibration), len(calibration)),
        output_snr=output_snr(quantized, original, calibration, images=images),
        tensors=noise,
        layers=_report(noise, values, reasons, losses, chance),
        findings=lint(quantized),
        measure=OUTPUT_SNR if reference is None else reference.name,
        unit=" dB" if reference is None else _spaced(reference.unit),
        reference=reference,
        quantized=found,
        chance=chance,
    )


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""


@dataclass(frozen=True, slots=True)
class _Bench:
    """Measure models by the judge, or by their output where there is none."""

    quantized: onnx.ModelProto
    original: onnx.ModelProto
    calibration: CalibrationData
    judge: Judge | None
    images: int | None
    judge_images: int | None

    def judge_both(self, folder: Path) -> tuple[MetricValue | None, MetricValue | None]:
        """Return the metric of the float and of the quantized model."""
        if self.judge is None:
            return None, None
        source = onnx.ModelProto()
        source.CopyFrom(self.original)
        source.ClearField("metadata_props")
        source.metadata_props.extend(self.quantized.metadata_props)
        return self._judge(source, "float", folder), self._judge(self.quantized, "quantized", folder)

    def measure(self, folder: Path) -> Callable[[onnx.ModelProto, str], float]:
        """Return the function that measures one model."""
        if self.judge is None:
            return lambda model, _: output_snr(model, self.original, self.calibration, images=self.images)
        return lambda model, title: float(getattr(self._judge(model, title, folder), "value", 0.0))

    def _judge(self, model: onnx.ModelProto, title: str, folder: Path) -> MetricValue | None:
        if self.judge is None:
            return None
        path = folder / "candidate.onnx"
        save_onnx(model, path)
        return self.judge.measure(path, title, images=self.judge_images)


def _report(
    noise: tuple[TensorNoise, ...],
    values: Mapping[str, float],
    reasons: Mapping[str, tuple[Reason, ...]],
    losses: Mapping[str, float],
    chance: float,
) -> tuple[LayerReport, ...]:
    reports = []
    for name in rank_layers(noise):
        rows = [row for row in noise if row.layer == name and row.kind != WEIGHT]
        worst = min(rows, key=lambda row: row.own)
        accumulated = [row.accumulated for row in rows if row.accumulated is not None]
        reports.append(
            LayerReport(
                layer=name,
                op_type=worst.op_type,
                own=worst.own,
                accumulated=min(accumulated, default=None),
                value=values.get(name),
                loss=losses.get(name),
                reasons=reasons.get(name, ()),
            )
        )
    return tuple(sorted(reports, key=lambda report: _order(report, chance)))


def _is_harmful(value: float, loss: float | None, chance: float, reference: MetricValue | None) -> bool:
    if loss is None or reference is None:
        return value < SOUND_DB
    return loss > max(chance, LOSS_SHARE * abs(reference.value))


def _loss(value: float, reference: MetricValue) -> float:
    return reference.value - value if reference.higher_is_better else value - reference.value


def _order(report: LayerReport, chance: float) -> tuple[bool, float, float]:
    """Sort layers that were measured first, by what they cost beyond chance, and equal ones by their own ratio."""
    if report.value is None:
        return True, 0.0, report.own
    if report.loss is None:
        return False, report.value, report.own
    return False, -report.loss if report.loss > chance else 0.0, report.own
