"""A report shows what the run measured, needs nothing but itself, and survives whatever a run folder lacks."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from zoo_core.errors import RunStoreError
from zoo_core.reporting.report import write_report
from zoo_core.runs.files import read_json, write_json

EVIL = '<script>alert("x")</script>&'


@pytest.fixture
def page(finished, read_page):
    return read_page(write_report(finished))


def test_page_is_well_formed_and_its_links_lead_somewhere(page):
    assert page.faults == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for attributes in page.all("a")]
    assert len(links) > 8
    assert {link.removeprefix("#") for link in links} <= set(ids)
    labels = {attributes[key] for _, attributes in page.elements for key in ("aria-labelledby",) if key in attributes}
    assert labels <= set(ids)


def test_page_needs_nothing_but_itself(finished, page):
    text = (finished / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "use"} == set()
    assert all(attributes["src"].startswith("data:image/") for attributes in page.all("img"))
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_names_from_outside_are_text_and_nothing_else(finished, page):
    assert "<script" not in (finished / "report.html").read_text(encoding="utf-8")
    assert page.text.count(EVIL) >= 4  # class, confusion matrix, example, configuration


def test_float_and_int8_stand_side_by_side_with_their_difference(page):
    assert "top1 80.50 % 79.00 % -1.50 % worse" in page.text
    assert "20 images" in page.text
    assert "total_flash 5.0 KiB" in page.text


def test_chain_shows_each_stage_with_its_time(page):
    assert "5 stages, 2:30 in all" in page.text
    for name, time in (("1_training", "10 s"), ("4_benchmarking", "40 s"), ("5_prediction", "50 s")):
        assert f"{name} done {time}" in page.text


def test_ladder_and_worst_layers_say_what_was_chosen_and_why(page):
    assert "1. plain words 70.00 % +10.00 2.0 KiB 3.0 s over budget" in page.text
    assert "2. equalized words 79.50 % +0.50 2.0 KiB 3.0 s chosen" in page.text
    assert "conv_7 Conv 12.5 dB 10.0 dB 4.25 % one channel is wide. optimize it" in page.text
    assert "8.0 KiB to 2.0 KiB (4.0 times smaller)" in page.text


def test_footprint_is_set_against_the_memory_of_the_board(page):
    assert "SRAM of the chip, next to the core RAM 2.4 KiB 9.8 KiB 25.0%" in page.text
    assert "The most memory is in use in layer 2, second: map (4.0 KiB)." in page.text
    assert "first Conv 300 75.0 %" in page.text


def test_curves_of_float_and_int8_share_a_chart(page):
    assert "mean, int8 mean, float" in page.text
    assert "one class" not in page.text  # beside another model only what stands out is drawn
    pictures = [attributes["aria-label"] for attributes in page.all("svg") if "aria-label" in attributes]
    assert "Precision, test set: precision over recall" in pictures
    assert "loss:  over epoch" in pictures
    assert len(page.all("polyline")) >= 2 + 2 + 1 + 1 + 1


def test_right_and_wrong_examples_are_told_apart(page):
    assert "The int8 model on the test set: 16 of 20 images right." in page.text
    kinds = [attributes.get("class") for attributes in page.all("li")]
    assert (kinds.count("wrong"), kinds.count("right")) == (1, 1)
    assert len(page.all("img")) == 2 + 1 + 1
    assert page.text.count("prediction and labels, score 0.25") == 1
    assert page.text.count(", score ") == 1


def test_large_pictures_are_made_small(page):
    largest = max(page.all("img"), key=lambda attributes: len(attributes["src"]))
    content = base64.b64decode(largest["src"].partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "JPEG"
        assert image.size == (320, 213)


def test_hashes_and_versions_are_there(finished, page):
    stage = read_json(finished / "stages/2_quantization/result.json")
    assert stage["artifact"]["sha256"] in page.text
    assert "ab" * 32 in page.text
    assert "c0ffee" in page.text
    assert "zoo-core 0.1.0" in page.text
    assert "broken.png : is empty" in page.text


def test_same_folder_gives_the_same_page(finished):
    first = write_report(finished).read_bytes()
    assert write_report(finished).read_bytes() == first


def test_failed_run_says_what_failed_and_shows_what_it_reached(finished, read_page):
    for name in ("2_quantization", "3_evaluation", "4_benchmarking", "5_prediction"):
        shutil.rmtree(finished / "stages" / name)
    (finished / "stages/1_training/result.json").unlink()
    manifest = read_json(finished / "run.json")
    manifest["status"] = "failed"
    manifest["stages"][0] |= {"status": "failed", "error": f"DataError: {EVIL}"}
    write_json(finished / "run.json", manifest)
    page = read_page(write_report(finished))
    assert page.faults == []
    assert f"DataError: {EVIL}" in page.text
    assert "failed" in page.text
    assert page.all("polyline")  # the epochs that were trained


@pytest.mark.parametrize(
    "path",
    [
        "stages/1_training/summary.csv",
        "stages/2_quantization/ladder.json",
        "stages/2_quantization/inspection.json",
        "stages/3_evaluation/examples.json",
        "stages/3_evaluation/int8_model_test_set_charts.json",
        "stages/3_evaluation/p.jpg",
        "predictions/large.png",
        "resolved_config.yaml",
    ],
)
@pytest.mark.parametrize("damage", [b"", b"{", b"\x00\xff\xfe", None])
def test_a_damaged_file_costs_its_part_of_the_page_only(finished, read_page, path, damage):
    place = finished / path
    if damage is None:
        place.unlink()
    else:
        place.write_bytes(damage)
    page = read_page(write_report(finished))
    assert page.faults == []
    assert "total_flash 5.0 KiB" in page.text


@pytest.mark.parametrize("content", ["[]", '{"rungs": [{}]}', '{"layers": [{}]}', '{"layers": 3}', '{"facts": []}'])
@pytest.mark.parametrize("name", ["ladder.json", "inspection.json"])
def test_a_file_of_another_form_costs_its_part_only(finished, read_page, name, content):
    (finished / "stages/2_quantization" / name).write_text(content, encoding="utf-8")
    text = read_page(write_report(finished)).text
    assert "total_flash 5.0 KiB" in text
    assert "BOARD-1, emulated" in text


@pytest.mark.parametrize(
    "change", [{"memories": [{"name": "x"}]}, {"memories": 3}, {"layers": [{"name": 1}]}, {"peak_tensors": 5}]
)
def test_details_of_a_target_that_say_something_else_cost_their_part_only(finished, read_page, change):
    path = finished / "stages/4_benchmarking/result.json"
    stage = read_json(path)
    stage["result"]["details"] |= change
    write_json(path, stage)
    assert "total_flash 5.0 KiB" in read_page(write_report(finished)).text


def test_text_is_readable_in_both_themes():
    """Contrast of text on paper after WCAG 2.2: at least 4.5 to 1."""
    package = Path(__import__("zoo_core.reporting.report.page", fromlist=["page"]).__file__).parent
    style = (package / "templates/style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w]+): (#[0-9a-f]{6})", block)) for block in style.split("@media", 2)[:2])
    for theme in (light, dark):
        for name in ("ink", "quiet", "accent", "good", "bad", "warn"):
            for ground in ("paper", "card"):
                assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour):
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_another_path_may_be_named(finished, tmp_path):
    assert write_report(finished, tmp_path / "pages/a.html") == tmp_path / "pages/a.html"
    assert not (finished / "report.html").exists()


def test_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunStoreError, match="is not a run"):
        write_report(tmp_path)


def test_run_of_another_version_is_refused(finished):
    (finished / "run.json").write_text(json.dumps({"schema_version": 99}), encoding="utf-8")
    with pytest.raises(RunStoreError, match="schema version 99"):
        write_report(finished)
