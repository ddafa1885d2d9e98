"""Curves land where their values say, ticks are round, and gaps stay gaps."""

import math
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.charts import Chart, CountTable, Series, drawings_document, drawings_from_document
from zoo_core.reporting.report.line_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw_chart, legend
from zoo_core.reporting.report.scale import Scale, limits, tick_text, ticks


def chart(*series, **changes):
    return Chart(name="c", title="T", x_label="x", y_label="y", series=series, **changes)


def line(x, y, label="", **changes):
    return Series(label=label, x=tuple(x), y=tuple(y), **changes)


def drawn(found, **changes):
    return ET.fromstring(str(draw_chart(found, **changes)))  # noqa: S314 - our own text


def points(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


def test_corners_of_the_data_are_corners_of_the_frame():
    [curve] = drawn(chart(line([1, 2, 3], [0, 50, 100]), percent=True)).findall("polyline")
    left, right, low, high = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
    assert points(curve) == [(left, low), ((left + right) / 2, (low + high) / 2), (right, high)]


def test_values_that_are_not_finite_part_a_curve():
    svg = drawn(chart(line([1, 2, 3, 4, 5], [1, 2, math.nan, 4, math.inf])))
    assert [len(points(piece)) for piece in svg.findall("polyline")] == [2, 1]
    assert "nan" not in str(draw_chart(chart(line([1, 2], [math.nan, 1.0]))))


@pytest.mark.parametrize("series", [(), (line([], []),), (line([1], [math.nan]),), (line([3], [7]),)])
def test_hardly_any_data_gives_a_frame(series):
    assert drawn(chart(*series)).findall("text")


def test_few_points_tell_their_values():
    svg = drawn(chart(line([1, 2], [0.25, 0.5], "mean")))
    assert [dot.find("title").text for dot in svg.findall("circle")] == ["mean: 0.25 at 1", "mean: 0.5 at 2"]


def test_area_starts_at_zero():
    svg = drawn(chart(line([1, 2], [40, 80])), area=True)
    [area] = svg.findall("polygon")
    assert points(area)[0] == (LEFT, HEIGHT - BOTTOM)


def test_curves_that_stand_out_lie_on_top_and_keep_their_colours():
    found = chart(line([1, 2], [1, 2], "mean", emphasis=True), line([1, 2], [2, 1], "cat"))
    classes = [curve.get("class") for curve in drawn(found).findall("polyline")]
    assert classes == ["c1 d0 thin", "c0 d0 bold"]
    assert [(one.label, one.style) for one in legend(found)] == [("mean", "c0 d0 bold"), ("cat", "c1 d0 thin")]


def test_ninth_curve_is_dashed():
    found = chart(*(line([1], [1], str(number)) for number in range(9)))
    assert legend(found)[8].style == "c0 d1 thin"


def test_a_mark_stands_at_its_value():
    [mark] = [
        one for one in drawn(chart(line([0, 10], [1, 1]), x_mark=5)).findall("line") if one.get("class") == "mark"
    ]
    assert float(mark.get("x1")) == (LEFT + WIDTH - RIGHT) / 2


def test_names_are_escaped():
    text = str(draw_chart(chart(line([1], [1], "<b>&"), x_mark=None)))
    assert "<b>" not in text
    assert ET.fromstring(text) is not None  # noqa: S314 - our own text


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 9))
def test_ticks_are_round_even_and_inside(low, size, most):
    high = low + size
    if high - low < 1e-9 * max(abs(low), 1):
        return
    found = ticks(low, high, most)
    assert len(found) <= most
    slack = 1e-6 * size
    assert all(low - slack <= value <= high + slack for value in found)
    steps = [after - before for before, after in pairwise(found)]
    assert all(math.isclose(step, steps[0], rel_tol=1e-3, abs_tol=1e-9) for step in steps)
    for step in steps[:1]:
        assert re.match(r"^(1|2|25|5)0*$", f"{step:.6e}".split("e")[0].replace(".", "").rstrip("0")), step


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.25"), (120, "120"), (5000, "5000"), (45_000, "45k"), (3e6, "3M"), (1e-5, "1e-05"), (-2, "-2")],
)
def test_ticks_are_short(value, text):
    assert tick_text(value) == text


def test_limits_leave_zero_alone():
    low, high = limits([0.0, 10.0])
    assert low == 0.0
    assert high > 10.0
    assert limits([math.nan]) == limits([0.0, 0.0]) == (0.0, 1.0)


def test_scale_may_run_upwards():
    scale = Scale(0.0, 10.0, 200.0, 0.0)
    assert (scale(0), scale(10), scale(2.5)) == (200.0, 0.0, 150.0)


def test_drawings_come_back_from_their_document():
    table = CountTable(
        name="t", title="", row_label="", column_label="", rows=("a",), columns=("a", "b"), counts=((1, 2),)
    )
    drawings = (chart(line([1], [2], "m", emphasis=True), x_mark=0.5, percent=True), table)
    assert drawings_from_document(drawings_document(drawings)) == drawings


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"drawings": [{"kind": "pie"}]}])
def test_documents_of_another_form_are_refused(change):
    with pytest.raises(ValueError, match=r"schema version 2|kind of chart: pie"):
        drawings_from_document({**drawings_document([]), **change})
