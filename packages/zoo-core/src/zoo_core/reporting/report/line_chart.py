"""Own the drawing of curves as SVG whose colours come from the page, so that it suits light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from zoo_core.charts import Chart, Series
from zoo_core.reporting.report.scale import Scale, limits, tick_text, ticks

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 22, 36
COLOURS = 8
"""Colours of the page that curves take in turn."""
FEW_POINTS = 30
"""Up to this many points each one of a curve is marked by a dot that tells its value."""
PERCENT = (0.0, 100.0)


@dataclass(frozen=True, slots=True)
class Legend:
    """Name one curve beside its chart."""

    label: str
    style: str
    """Class of its line."""


def draw_chart(chart: Chart, *, area: bool = False) -> Markup:
    """Return the curves of a chart as an `svg` element of 400 by 250 units that grows with the page.

    Args:
        chart: The curves; values that are not finite leave gaps.
        area: Whether the space below the curves is filled, which starts the axis at 0.
    """
    across = [value for series in chart.series for value in series.x]
    up = [value for series in chart.series for value in series.y]
    marks = [] if chart.x_mark is None else [chart.x_mark]
    x = Scale(*limits([*across, *marks], margin=0.0), LEFT, WIDTH - RIGHT)
    low, high = PERCENT if chart.percent else limits([*up, 0.0] if area else up)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    whole = all(float(value).is_integer() for value in across)
    parts = [
        _frame(chart, x, y, whole=whole),
        *(_mark(mark, x) for mark in marks),
        *(_curve(series, number, x, y, area=area) for number, series in _ordered(chart.series)),
    ]
    label = Markup("{}: {} over {}").format(chart.title, chart.y_label, chart.x_label)
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, label)
    return svg + Markup("").join(parts) + Markup("</svg>")


def legend(chart: Chart) -> tuple[Legend, ...]:
    """Return what the lines of a chart mean, in the order of its curves; nothing for a single one without a name."""
    if len(chart.series) == 1 and not chart.series[0].label:
        return ()
    return tuple(Legend(series.label, style_of(series, number)) for number, series in enumerate(chart.series))


def style_of(series: Series, number: int) -> str:
    """Return the classes of a curve: its colour, its dashes when all colours are taken, its weight."""
    turn = number // COLOURS
    weight = "bold" if series.emphasis else "thin"
    return f"c{number % COLOURS} d{min(turn, 2)} {weight}"


def _ordered(series: Sequence[Series]) -> list[tuple[int, Series]]:
    """Return the curves with those that stand out on top."""
    return sorted(enumerate(series), key=lambda item: item[1].emphasis)


def _frame(chart: Chart, x: Scale, y: Scale, *, whole: bool) -> Markup:
    lines = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" class="end">{}</text>').format(
            LEFT, WIDTH - RIGHT, y(value), y(value), LEFT - 5, y(value) + 4, tick_text(value)
        )
        for value in ticks(y.low, y.high, 6)
    ]
    places = [value for value in ticks(x.low, x.high, 7) if not whole or float(value).is_integer()]
    lines += [
        Markup('<text x="{}" y="{}" class="middle">{}</text>').format(x(value), HEIGHT - BOTTOM + 15, tick_text(value))
        for value in places
    ]
    axis = Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM
    )
    names = Markup('<text x="{}" y="{}" class="end">{}</text><text x="0" y="12">{}</text>').format(
        WIDTH - RIGHT, HEIGHT - 4, chart.x_label, chart.y_label
    )
    return Markup("").join(lines) + axis + names


def _mark(value: float, x: Scale) -> Markup:
    return Markup('<line class="mark" x1="{}" x2="{}" y1="{}" y2="{}"><title>{}</title></line>').format(
        x(value), x(value), TOP, HEIGHT - BOTTOM, tick_text(value)
    )


def _curve(series: Series, number: int, x: Scale, y: Scale, *, area: bool) -> Markup:
    style = style_of(series, number)
    pieces = list(_pieces(series))
    drawn = []
    for piece in pieces:
        points = " ".join(f"{x(one)},{y(other)}" for one, other in piece)
        if area:
            floor = y(max(y.low, 0.0))
            closed = f"{x(piece[0][0])},{floor} {points} {x(piece[-1][0])},{floor}"
            drawn.append(Markup('<polygon class="area {}" points="{}"/>').format(style, closed))
        drawn.append(Markup('<polyline class="{}" points="{}"/>').format(style, points))
    if sum(map(len, pieces)) <= FEW_POINTS:
        drawn += [_dot(series.label, style, point, x, y) for piece in pieces for point in piece]
    return Markup("").join(drawn)


def _dot(label: str, style: str, point: tuple[float, float], x: Scale, y: Scale) -> Markup:
    told = f"{label}: " if label else ""
    return Markup('<circle class="{}" cx="{}" cy="{}" r="2.5"><title>{}{} at {}</title></circle>').format(
        style, x(point[0]), y(point[1]), told, tick_text(point[1]), tick_text(point[0])
    )


def _pieces(series: Series) -> Iterable[list[tuple[float, float]]]:
    """Yield the stretches of a curve between values that are not finite."""
    points = [(one, other) for one, other in zip(series.x, series.y, strict=True)]
    gaps = [index for index, point in enumerate(points) if not all(map(math.isfinite, point))]
    for start, end in pairwise([-1, *gaps, len(points)]):
        if end - start > 1:
            yield points[start + 1 : end]
