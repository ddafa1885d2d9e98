"""A table for programs is set by hand, since rich takes a second for two thousand rows; it looks as if set by rich."""

import contextlib
import io
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo_core.cli import _output as output

LETTERS = "abc XYZ-_.,äß√日本語\n"
CELLS = st.text(LETTERS, max_size=12).map(lambda text: "\n".join(map(str.strip, text.strip().split("\n"))))
"""Without spaces at the ends of lines, which take no room here and some with rich."""
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6),
        st.sets(st.integers(0, width - 1)),
        st.just([f"COLUMN {number}" for number in range(width)]),
    )
)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def set_by_rich(columns: list[str], rows: list[list[str]], right: set[str]) -> str:
    table = Table(box=None, pad_edge=False, padding=(0, output.GAP, 0, 0), show_edge=False)
    for title in columns:
        table.add_column(title, justify="right" if title in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stream = io.StringIO()
    Console(file=stream, width=10_000, color_system=None, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


@given(TABLES)
def test_plain_table_equals_that_of_rich(case: tuple[list[list[str]], set[int], list[str]]) -> None:
    rows, places, columns = case
    right = {columns[place] for place in places}
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        output.emit_table(columns, rows, right=right)
    assert stream.getvalue() == set_by_rich(columns, rows, right) + "\n"


@given(TABLES, st.integers(24, 80), st.booleans())
def test_table_on_a_terminal_has_room_and_loses_nothing(
    case: tuple[list[list[str]], set[int], list[str]], width: int, coloured: bool
) -> None:
    rows, places, columns = case
    stream = Terminal()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(stream):
        patch.setenv("COLUMNS", str(width))
        patch.setenv("TERM", "xterm")
        patch.delenv("NO_COLOR", raising=False)
        if not coloured:
            patch.setenv("NO_COLOR", "1")
        output.emit_table(columns, rows, wrap={columns[place] for place in places}, styles={"abc": "green"})
    text = stream.getvalue()
    assert coloured == ("\x1b[1mC" in text)
    lines = re.sub(r"\x1b\[\d+m", "", text).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    letters = Counter("".join(lines)) - Counter("─" * sum(line.count("─") for line in lines))
    expected = Counter("".join(columns + [cell for row in rows for cell in row]))
    assert {key: count for key, count in letters.items() if key.strip()} == {
        key: count for key, count in expected.items() if key.strip()
    }


def test_long_word_is_broken_where_its_column_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "16")
    stream = Terminal()
    with contextlib.redirect_stdout(stream):
        output.emit_table(["A", "B"], [["x", "one abcdefghijklmnop two"]], wrap={"B"})
    body = re.sub(r"\x1b\[\d+m", "", stream.getvalue()).splitlines()[2:]
    assert body == ["x  one", "   abcdefghijklm", "   nop two"]


def test_combining_letters_take_no_room() -> None:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        output.emit_table(["A", "B"], [["e\u0301", "x"], ["e", "x"]])
    assert stream.getvalue() == "A  B\ne\u0301  x\ne  x\n"
