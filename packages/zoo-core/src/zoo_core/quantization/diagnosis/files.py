"""Own the files of an inspection: a table of all tensors, a report of the layers, and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from zoo_core.quantization.diagnosis.inspection import Inspection, LayerReport
from zoo_core.quantization.diagnosis.noise import TensorNoise
from zoo_core.reporting.inspection_picture import LayerBar, draw_inspection
from zoo_core.results import MetricValue
from zoo_core.runs.files import disk_errors, write_json, write_text

TABLE, REPORT, PICTURE = "inspection.csv", "inspection.json", "inspection.png"
DIGITS = 3


def write_inspection(inspection: Inspection, directory: Path) -> tuple[Path, ...]:
    """Write `inspection.csv`, `inspection.json` and `inspection.png` into a folder, and return their paths.

    Ratios are in decibels; 200 stands for no noise at all.

    Raises:
        RunStoreError: When the disk is full, read-only or not ours.
    """
    table, report, picture = (directory / name for name in (TABLE, REPORT, PICTURE))
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_text(table, _table(inspection.tensors))
    write_json(report, _report(inspection))
    with disk_errors(picture):
        draw_inspection(picture, [_bar(layer) for layer in inspection.layers], effect=_effect_label(inspection))
    return table, report, picture


def _table(tensors: tuple[TensorNoise, ...]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = [field.name for field in fields(TensorNoise)]
    writer.writerow(names)
    for row in tensors:
        writer.writerow([_rounded(getattr(row, name)) for name in names])
    return stream.getvalue()


def _report(inspection: Inspection) -> Mapping[str, Any]:
    return {
        "images": inspection.images,
        "output_snr": _rounded(inspection.output_snr),
        "measure": inspection.measure,
        "unit": inspection.unit.strip(),
        "float": _metric(inspection.reference),
        "quantized": _metric(inspection.quantized),
        "chance": _rounded(inspection.chance),
        "layers": [_layer(layer) for layer in inspection.layers],
        "findings": [asdict(finding) for finding in inspection.findings],
    }


def _metric(value: MetricValue | None) -> Mapping[str, Any] | None:
    return None if value is None else {"value": value.value, "split": value.split}


def _layer(report: LayerReport) -> Mapping[str, Any]:
    return {name: _rounded(value) for name, value in asdict(report).items()}


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value


def _bar(report: LayerReport) -> LayerBar:
    effect = report.value if report.loss is None else report.loss
    reason = report.reasons[0].code.replace("_", " ") if report.reasons else ""
    return LayerBar(name=report.title, own=report.own, accumulated=report.accumulated, effect=effect, reason=reason)


def _effect_label(inspection: Inspection) -> str:
    if inspection.reference is None:
        return "ratio at the output of the model [dB]; short is bad"
    unit = inspection.unit.strip()
    return f"loss of {inspection.measure}" + (f" [{unit}]" if unit else "") + "; long is bad"
