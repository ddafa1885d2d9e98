"""The page of a comparison names what is better, what differs, and draws the runs into one chart."""

import shutil

import pytest

from zoo_core.reporting.compare import compare_runs
from zoo_core.reporting.report.comparison import write_comparison
from zoo_core.runs.files import read_json, write_json
from zoo_core.runs.store import read_run


@pytest.fixture
def other(finished):
    """Return a second run: better by 1.5 points, with larger code, another rate, and a name that is no HTML."""
    folder = finished.with_name("<b>other & co")
    shutil.copytree(finished, folder)
    manifest = read_json(folder / "run.json")
    manifest["config"]["quantization"]["max_drop"] = 2.0
    write_json(folder / "run.json", manifest)
    for path, name, value in (("3_evaluation", "top1", 80.5), ("4_benchmarking", "total_flash", 6144.0)):
        stage = read_json(folder / "stages" / path / "result.json")
        metric = next(one for one in stage["result"]["metrics"] if (one["name"], one["model"]) == (name, "int8"))
        metric["value"] = value
        write_json(folder / "stages" / path / "result.json", stage)
    return folder


@pytest.fixture
def page(finished, other, tmp_path, read_page):
    return read_page(write_comparison(compare_runs([read_run(finished), read_run(other)]), tmp_path / "c.html"))


def test_page_is_well_formed_and_needs_nothing_else(page, tmp_path):
    assert page.faults == []
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert "<b>" not in text


def test_each_value_is_judged_by_its_direction(page):
    assert "int8/test/top1" in page.text
    assert "79.00 % 80.50 % +1.50 % better" in page.text
    assert "5.0 KiB 6.0 KiB +1.0 KiB worse" in page.text


def test_keys_that_differ_stand_side_by_side(page):
    assert "quantization.max_drop 1.0 2.0" in page.text
    assert "evaluation.target" not in page.text


def test_runs_share_a_chart(page):
    assert page.text.count("2: <b>other & co") >= 5
    labels = [attributes["aria-label"] for attributes in page.all("svg") if "aria-label" in attributes]
    assert labels == ["loss:  over epoch", "top1:  over epoch", "learning rate:  over epoch"]
    assert len(page.all("polyline")) == 3 * 2


def test_a_folder_that_went_away_costs_its_curves_only(finished, other, tmp_path, read_page):
    comparison = compare_runs([read_run(finished), read_run(other)])
    shutil.rmtree(other)
    page = read_page(write_comparison(comparison, tmp_path / "c.html"))
    assert page.all("polyline") == []
    assert "+1.50 % better" in page.text
