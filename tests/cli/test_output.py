"""Output suits whoever reads it: fitted to a terminal, whole for a program."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo_core.cli import _output as output
from zoo_core.reporting.metric_text import metric_text

LONG = "a sentence that is much longer than a terminal of eighty columns has room for, as summaries may be"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Return a function that puts a terminal of 80 columns in the place of standard output."""

    def open_terminal() -> Terminal:
        stream = Terminal()
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "stdout", stream)
        return stream

    return open_terminal


def test_table_is_not_wrapped_for_programs(capsys) -> None:
    output.emit_table(
        ["NAME", "SUMMARY", "SIZE"], [["a", LONG, "1"], ["bb", "short", "10"]], wrap={"SUMMARY"}, right={"SIZE"}
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(f"a     {LONG}")
    assert [len(line) for line in lines] == [len(lines[0])] * 3  # numbers end at the same column


def test_table_fits_a_terminal_and_leaves_out_what_is_spare(terminal: Callable[[], Terminal]) -> None:
    stream = terminal()
    row = ["some_name", "x" * 30, LONG, "zoo-classification"]
    output.emit_table(["NAME", "OTHER", "SUMMARY", "PLUGIN"], [row], wrap={"SUMMARY"}, spare=["PLUGIN", "OTHER"])
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "PLUGIN" not in lines[0]
    assert "OTHER" not in lines[0]
    assert LONG in " ".join(line[len("some_name  ") :].strip() for line in lines[2:])


def test_table_shows_square_brackets_as_they_are(capsys) -> None:
    output.emit_table(["NAME"], [["[bold]zoo-core[torch]"]])
    assert capsys.readouterr().out.splitlines()[1] == "[bold]zoo-core[torch]"


def test_colours_only_where_they_are_seen(terminal: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.paint("broken", "red", stream=stream) == "\x1b[31m\x1b[1mbroken\x1b[0m"
    assert output.paint("broken", "red", stream=io.StringIO()) == "broken"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.paint("broken", "red", stream=stream) == "broken"


def test_json_keeps_letters_and_puts_the_schema_version_first(capsys) -> None:
    output.emit_json({"name": "Größe", "path": Path("a/b")})
    text = capsys.readouterr().out
    assert list(json.loads(text)) == ["schema_version", "name", "path"]
    assert "Größe" in text


def test_fields_leave_out_what_is_empty_and_line_up(capsys) -> None:
    output.emit_fields([("name", "x"), ("empty", None), ("overrides", ["a=1", "b=2"])])
    assert capsys.readouterr().out == "name       x\noverrides  a=1\n           b=2\n"


def test_paths_are_shown_relative_to_where_the_user_is(folder: Path) -> None:
    assert output.short_path(folder / "a" / "b.yaml") == "a/b.yaml"
    assert output.short_path("/elsewhere/b.yaml") == "/elsewhere/b.yaml"
    assert output.short_path("command line") == "command line"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (98.3333, "%", "98.33 %"),
        (80_076, "bytes", "78.2 KiB"),
        (512, "bytes", "512 B"),
        (0.41234, "ms", "0.4123 ms"),
        (77_850, "", "77850"),
        (12_210_000, "", "12.2 M"),
        (6417.8, "images/s", "6418 images/s"),
        (None, "%", "-"),
    ],
)
def test_metric_text(value: float | None, unit: str, text: str) -> None:
    assert metric_text(value, unit) == text


def test_difference_has_a_sign() -> None:
    assert metric_text(-0.28, "%", signed=True) == "-0.28 %"
    assert metric_text(0.28, "%", signed=True) == "+0.28 %"
    assert metric_text(-2048, "bytes", signed=True) == "-2.0 KiB"
