"""What a card says, read with a Markdown parser of others."""

import re
from dataclasses import replace

import pytest
import yaml
from markdown_it import MarkdownIt

from zoo_core.reporting.card import make_card
from zoo_core.results import SkippedFile

FRONT = re.compile(r"^---\n.*?^---\n", re.DOTALL | re.MULTILINE)


def tokens_of(text: str):
    return MarkdownIt("commonmark").enable("table").parse(FRONT.sub("", text, count=1))


def plain(token) -> str:
    return "".join(child.content for child in token.children or ())


def tables_of(text: str) -> list[list[list[str]]]:
    tables = []
    for token in tokens_of(text):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and token.level == 4:
            tables[-1][-1].append(plain(token))
    return tables


def table_with(text: str, head: str) -> dict[str, list[str]]:
    return next({row[0]: row[1:] for row in table} for table in tables_of(text) if head in table[0])


def facts_of(text: str) -> dict[str, str]:
    return {row[0]: row[1] for table in tables_of(text) if table[0] == ["", ""] for row in table}


def test_metrics_stand_beside_each_other_with_their_difference(record):
    text = make_card(record).text
    table = table_with(text, "int8 - float")
    assert table["metric"] == ["float", "int8", "int8 - float"]
    assert table["top1"] == ["82.50 %", "80.25 %", "-2.25 %"]
    assert "On 400 images of the split test of pets:" in text


def test_footprint_says_that_it_was_emulated(record):
    text = make_card(record).text
    assert "### STM32H747I-DISCO, emulated" in text
    assert "Measured on an emulator, not on the board." in text
    table = next({r[0]: r[1:] for r in t} for t in tables_of(text) if t[1][0] == "total_flash")
    assert table == {"metric": ["int8"], "total_flash": ["2.0 KiB"], "instructions": ["76.1 M"]}


def test_how_it_was_made(record):
    text = make_card(record).text
    facts = facts_of(text)
    assert facts["epochs"] == "7"
    assert facts["batch size"] == "dynamic"  # of the export, which stands after that of the training
    assert facts["optimizer"] == "sgd"
    assert facts["learning rate"] == "0.05"
    assert facts["seed"] == "42"
    assert facts["granularity"] == "per channel"
    assert facts["calibration images"] == "40, the training set"
    assert table_with(text, "stage")["in all"] == ["30 s"]
    assert table_with(text, "library") == {"library": ["version"], "python": ["3.11.7"], "onnx": ["1.23.2"]}


def test_model_is_described_by_its_file(record):
    facts = facts_of(make_card(record, code_licence="BSD-3-Clause").text)
    assert facts["input"] == "3x8x8 (channels, height, width)"
    assert facts["ONNX input"] == "image float32 (batch, 3, 8, 8)"
    assert facts["parameters"] == "1,234"
    assert facts["licence of the network's code"] == "BSD-3-Clause"


def test_names_of_users_are_shown_as_they_are(record):
    """A bar would end a cell, stars would be emphasis, and a tag would be markup."""
    text = make_card(record).text
    assert facts_of(text)["classes"] == "3: cat, do|g, *fox*"
    kinds = {child.type for token in tokens_of(text) for child in token.children or ()}
    assert kinds <= {"text", "code_inline", "softbreak", "text_special"}
    inline = [plain(token) for token in tokens_of(text) if token.type == "inline"]
    assert "1_training left out 1 file: br|oken.jpg (cannot decode)" in inline
    assert "The training starts from start.pth, <b>as asked</b>." in inline


def test_tables_have_as_many_cells_in_each_row(record):
    tables = tables_of(make_card(record).text)
    assert len(tables) >= 8
    for table in tables:
        assert {len(row) for row in table} == {len(table[0])}


def test_no_path_of_the_machine_is_in_the_card(record, run_dir, tmp_path):
    text = make_card(record).text
    assert "somebody" not in text
    assert not [word for word in ("/srv", "/opt", "/home", str(tmp_path), str(run_dir)) if word in text]


def test_many_skipped_files_are_counted(with_result):
    skipped = tuple(SkippedFile(f"/srv/{number}.jpg", "broken") for number in range(25))
    text = make_card(with_result("training", skipped=skipped)).text
    assert "left out 25 files" in text
    assert "19.jpg" in text
    assert "20.jpg" not in text
    assert "and 5 more" in text


def test_configuration_to_use_it_again_is_yaml_that_names_the_best_file(record):
    fences = [token.content for token in tokens_of(make_card(record).text) if token.type == "fence"]
    config = yaml.safe_load(fences[0])
    assert config["model"] == {"model_path": "tinynet_quant.onnx"}
    weights_only = replace(record, results=record.results[:1])
    fences = [token.content for token in tokens_of(make_card(weights_only).text) if token.type == "fence"]
    config = yaml.safe_load(fences[0])
    assert config["model"] == {"model_name": "tinynet", "model_path": "best.pt"}
    assert config["use_case"] == "classification"


def test_two_measurements_on_one_board_share_a_table(record):
    last = record.results[-1]
    flat = tuple(replace(metric, model="float", value=metric.value * 2) for metric in last.result.metrics)
    other = replace(last, stage=replace(last.stage, index=6), result=replace(last.result, metrics=flat))
    text = make_card(replace(record, results=(*record.results, other))).text
    assert text.count("### STM32H747I-DISCO") == 1
    table = next({r[0]: r[1:] for r in t} for t in tables_of(text) if t[1][0] == "total_flash")
    assert table["total_flash"] == ["4.0 KiB", "2.0 KiB", "-2.0 KiB"]
    assert "5_benchmarking, fits: yes" in text


@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
def test_momentum_is_told_of_optimizers_that_read_it(record, optimizer):
    assert facts_of(make_card(record).text)["momentum"] == "0.9"
    record.manifest.config["training"]["optimizer"]["opt"] = optimizer
    assert "momentum" not in facts_of(make_card(record).text)
