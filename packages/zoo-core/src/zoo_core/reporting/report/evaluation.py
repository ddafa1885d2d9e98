"""Own what a report shows of evaluations: curves of float and int8 together, confusion, right and wrong examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_core.charts import Chart, CountTable, Drawing, drawings_from_document
from zoo_core.reporting.report.pictures import data_address
from zoo_core.results import FLOAT, INT8, EvaluationResult
from zoo_core.runs.store import RunRecord

CHARTS_ENDING = "_charts.json"
EXAMPLES = "examples.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionTable:
    """Hold a table of counts with the share of each cell in its row."""

    title: str
    table: CountTable
    shares: tuple[tuple[float, ...], ...]

    @property
    def is_small(self) -> bool:
        """Tell whether the cells have room for their counts."""
        return len(self.table.columns) <= 20  # noqa: PLR2004 - as many as fit on a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Hold one image with what the model made of it."""

    picture: str
    truth: str | None
    text: str
    image: str
    right: bool
    score: str
    """How right it is, from 0 to 1; nothing where it is one or the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSheet:
    """Hold the right and wrong examples of one evaluation."""

    model: str
    split: str
    images: int
    right: int
    examples: tuple[Example, ...]

    @property
    def wrong_ones(self) -> tuple[Example, ...]:
        """Return what the model got wrong."""
        return tuple(example for example in self.examples if not example.right)

    @property
    def right_ones(self) -> tuple[Example, ...]:
        """Return what it got right."""
        return tuple(example for example in self.examples if example.right)


def evaluation_drawings(record: RunRecord) -> tuple[tuple[Chart, ...], tuple[ConfusionTable, ...]]:
    """Return the curves of all evaluations, those of the same name in one chart, and the tables of counts."""
    charts: dict[tuple[str, str], dict[str, Chart]] = {}
    tables: list[ConfusionTable] = []
    for model, split, drawing in _drawings(record):
        if isinstance(drawing, Chart):
            charts.setdefault((split, drawing.name), {})[model] = drawing
        else:
            tables.append(_confusion(drawing, f"{drawing.title}: {model} model, {split} set"))
    return tuple(_together(split, by_model) for (split, _), by_model in charts.items()), tuple(tables)


def example_sheets(record: RunRecord) -> tuple[ExampleSheet, ...]:
    """Return the examples of every evaluation that kept some."""
    sheets = (_sheet(folder) for folder in _folders(record))
    return tuple(sheet for sheet in sheets if sheet is not None)


def _together(split: str, by_model: Mapping[str, Chart]) -> Chart:
    """Return one chart: all curves of a single model, or those that stand out of float and int8."""
    order = [model for model in (INT8, FLOAT) if model in by_model]
    models = [*order, *(model for model in by_model if model not in order)]
    first = by_model[models[0]]
    title = f"{first.title}, {split} set"
    if len(models) == 1:
        return replace(first, title=title)
    series = []
    for model in models:
        chosen = [one for one in by_model[model].series if one.emphasis] or list(by_model[model].series)
        series += [replace(one, label=f"{one.label}, {model}" if one.label else model) for one in chosen]
    return replace(first, title=title, series=tuple(series))


def _confusion(table: CountTable, title: str) -> ConfusionTable:
    shares = tuple(tuple(count / max(sum(row), 1) for count in row) for row in table.counts)
    return ConfusionTable(title=title, table=table, shares=shares)


def _drawings(record: RunRecord) -> Iterable[tuple[str, str, Drawing]]:
    """Yield (model, split, drawing); files that are absent, damaged or of another version give nothing."""
    for folder in _folders(record):
        for path in sorted(folder.glob(f"*{CHARTS_ENDING}")):
            document = _read(path)
            try:
                drawings = drawings_from_document(document)
            except (ValueError, TypeError):
                continue
            for drawing in drawings:
                yield str(document.get("model", "")), str(document.get("split", "")), drawing


def _sheet(folder: Path) -> ExampleSheet | None:
    document = _read(folder / EXAMPLES)
    try:
        examples = tuple(
            Example(
                picture=picture,
                truth=data_address(folder / entry["truth"]) if entry.get("truth") else None,
                text=str(entry.get("text", "")),
                image=Path(str(entry["image"])).name,
                right=bool(entry["right"]),
                score=_score(entry.get("score")),
            )
            for entry in document.get("examples", [])
            if (picture := data_address(folder / entry["picture"])) is not None
        )
        return ExampleSheet(
            model=str(document["model"]),
            split=str(document["split"]),
            images=int(document["images"]),
            right=int(document["right"]),
            examples=examples,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _score(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) and 0 < value < 1 else ""


def _folders(record: RunRecord) -> list[Path]:
    stages = [stage.stage for stage in record.results if isinstance(stage.result, EvaluationResult)]
    return [record.run_dir / "stages" / stage.id for stage in stages]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
