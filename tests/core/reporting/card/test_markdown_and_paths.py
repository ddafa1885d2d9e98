"""Texts come out of Markdown as they went in, and no folder of a machine comes along."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from zoo_core.reporting.card.markdown import code, escape, table
from zoo_core.reporting.card.paths import Places, data_name, in_run, last_name

HOME = "/".join(("", "home", "somebody"))
NASTY = [
    "a|b",
    "*x*",
    "__init__",
    "snake_case_name",
    "<script>",
    "a & b",
    "&amp;",
    "`tick`",
    "[link](x)",
    "# head",
    "~~gone~~",
    "back\\slash",
    "$x$",
    "100 %",
]


@pytest.mark.parametrize("text", NASTY)
def test_escaped_text_is_shown_as_it_is(text):
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(table(["head"], [[escape(text)]]))
    cell = [token for token in tokens if token.type == "inline"][-1]
    assert "".join(child.content for child in cell.children) == text
    assert {child.type for child in cell.children} <= {"text", "text_special"}


@pytest.mark.parametrize("text", ["a b", "x`y", "`x", "``", "a|b"])
def test_code_is_shown_as_it_is(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(table(["head"], [[code(text)]]))
    (cell,) = [token for token in tokens if token.type == "inline"][-1].children
    assert (cell.type, cell.content) == ("code_inline", text)


def test_lines_are_joined():
    assert escape("a\n| b") == "a \\| b"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("weights from /data/x/best.pth.", "weights from best.pth."),
        ("in '/data/x/y'", "in 'y'"),
        (r"C:\Users\me\net.onnx is read", "net.onnx is read"),
        ("~/models/net.onnx", "net.onnx"),
        ("file:///data/net.onnx", "net.onnx"),
        ("see https://example.org/a/b", "see https://example.org/a/b"),
        ("train/val and 1/127.5 or a / b", "train/val and 1/127.5 or a / b"),
        ("images/s", "images/s"),
        (r"\\host\share\net.onnx", "net.onnx"),
        (r"a\b and \alpha", r"a\b and \alpha"),
        (f"{HOME}/my pets/train has 3 classes", "train has 3 classes"),
    ],
)
def test_paths_are_cut_to_their_last_name(record, text, clean):
    assert Places(record).clean(text) == clean


def test_paths_of_the_run_are_relative_to_it(record, run_dir):
    assert Places(record).clean(f"{run_dir}/stages/x.csv is in {run_dir}") == "stages/x.csv is in the run folder"
    moved = replace(record, manifest=replace(record.manifest, config={"hydra": {"run": {"dir": "/old/place"}}}))
    assert Places(moved).clean("/old/place/a.csv") == "a.csv"


def test_name_in_a_run_and_elsewhere(run_dir, tmp_path):
    assert in_run(run_dir / "a" / "b.onnx", run_dir) == "a/b.onnx"
    assert in_run(tmp_path / "b.onnx", run_dir) == "b.onnx"
    with contextlib.chdir(run_dir.parent):
        assert in_run(Path(run_dir.name, "a.onnx"), Path(run_dir.name)) == "a.onnx"


def test_last_name_of_either_system():
    assert [last_name(path) for path in ("/a/b", "/a/b/", r"C:\a\b", "b")] == ["b"] * 4


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/pets/test", "pets"),
        ("/srv/sets/flowers", "flowers"),
        ("/srv/pose/annotations.json", "pose"),
        ("/srv/pose/mouse.csv", "mouse.csv"),
        (f"{HOME}/train", "train"),
        ("/scratch/train", "train"),
        (r"C:\Users\somebody\train", "train"),
        (r"D:\sets\pets\train", "pets"),
        ("train", "train"),
    ],
)
def test_data_set_is_called_by_a_name_that_says_something_and_names_nobody(path, name):
    assert data_name(path) == name
