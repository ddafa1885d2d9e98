"""Own the numbers behind a picture of an evaluation: curves and tables of counts, which reports draw in their way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1
CONFUSION_MATRIX = "confusion_matrix"
POINTS = 101
"""Largest number of points of a curve that `thinned_series` makes."""
CLASSES = 40
"""Largest number of classes of a table that `confusion_table` makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Hold one curve."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    emphasis: bool = False
    """Whether the curve stands out, as the mean of all classes does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Hold curves that share their axes."""

    name: str
    """Name by which the same chart of another model is found, such as `precision_recall`."""
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_mark: float | None = None
    """Place on the x axis that a line marks, such as the threshold of the evaluation."""
    percent: bool = False
    """Whether the y values are percent, from 0 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """Hold how often each pair of names came together, such as a confusion matrix."""

    name: str
    title: str
    row_label: str
    """What the rows are, such as `true class`."""
    column_label: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """One tuple per row."""


Drawing = Chart | CountTable
_KINDS: Mapping[str, type[Drawing]] = {"chart": Chart, "count_table": CountTable}


def thinned_series(
    label: str, x: Sequence[float], y: Sequence[float], *, emphasis: bool = False, points: int = POINTS
) -> Series:
    """Return a curve of at most `points` of the given ones, evenly spread, with the first and the last."""
    count = min(len(x), points)
    last = max(count - 1, 1)
    chosen = [(number * (len(x) - 1) + last // 2) // last for number in range(count)]
    return Series(
        label=label,
        x=tuple(float(x[place]) for place in chosen),
        y=tuple(float(y[place]) for place in chosen),
        emphasis=emphasis,
    )


def confusion_table(
    title: str,
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    *,
    column_label: str,
    background: str | None = None,
    classes: int = CLASSES,
) -> CountTable:
    """Return a confusion matrix, of the classes alone that are confused most when there are too many.

    Args:
        title: What is counted; says of a part that it is one.
        names: Name of each class.
        counts: A row for each true class, a column for each answer; with a background those of it come last.
        column_label: What the columns are, such as `predicted class`.
        background: Name of what is no class; its row and column are always there.
        classes: Largest number of classes.
    """
    chosen = list(range(len(names)))
    if len(names) > classes:
        answers = [sum(column) for column in zip(*counts, strict=True)]
        errors = [sum(counts[place]) + answers[place] - 2 * counts[place][place] for place in chosen]
        chosen = sorted(sorted(chosen, key=lambda place: -errors[place])[:classes])
        title = f"{title}: the {classes} of {len(names)} classes that are confused most"
    labels = [names[place] for place in chosen]
    if background is not None:
        chosen.append(len(names))
        labels.append(background)
    return CountTable(
        name=CONFUSION_MATRIX,
        title=title,
        row_label="true class",
        column_label=column_label,
        rows=tuple(labels),
        columns=tuple(labels),
        counts=tuple(tuple(int(counts[row][column]) for column in chosen) for row in chosen),
    )


def drawings_document(drawings: Sequence[Drawing]) -> dict[str, Any]:
    """Return the JSON-able form of drawings, which `drawings_from_document` reads back."""
    names = {kind: name for name, kind in _KINDS.items()}
    entries = [{"kind": names[type(drawing)], **asdict(drawing)} for drawing in drawings]
    return {"schema_version": SCHEMA_VERSION, "drawings": entries}


def drawings_from_document(document: Mapping[str, Any]) -> tuple[Drawing, ...]:
    """Rebuild drawings, checking the type of every field.

    Raises:
        ValueError: When the schema version or a kind is unknown, or a field has another type.
    """
    from pydantic import TypeAdapter

    if document.get("schema_version") != SCHEMA_VERSION:
        msg = f"charts of schema version {document.get('schema_version')}, this is {SCHEMA_VERSION}"
        raise ValueError(msg)
    found: list[Drawing] = []
    for entry in document.get("drawings", []):
        kind = _KINDS.get(entry.get("kind"))
        if kind is None:
            msg = f"unknown kind of chart: {entry.get('kind')}"
            raise ValueError(msg)
        fields = {name: value for name, value in entry.items() if name != "kind"}
        found.append(TypeAdapter(kind).validate_python(fields))
    return tuple(found)
