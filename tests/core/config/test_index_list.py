"""Index lists select what Python's own indexing selects."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from zoo_core.config.values import IndexList

BOUND = st.none() | st.integers(-12, 12)


def text_of(piece):
    if isinstance(piece, int):
        return str(piece)
    return ":".join("" if part is None else str(part) for part in (piece.start, piece.stop, piece.step))


def slices():
    step = st.none() | st.integers(-3, 3).filter(bool)
    return st.builds(slice, BOUND, BOUND, step)


@given(st.lists(st.integers(-8, 7) | slices(), min_size=1, max_size=4))
def test_it_selects_what_python_selects(pieces):
    numbers = list(range(8))
    expected = []
    for piece in pieces:
        found = numbers[piece]
        expected += found if isinstance(found, list) else [found]
    text = f"({', '.join(text_of(piece) for piece in pieces)})"
    assert IndexList(text).resolve(8) == tuple(dict.fromkeys(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(0:-1)", tuple(range(9))),
        ("(7:)", (7, 8, 9)),
        ("(8, 1:3, -1)", (8, 1, 2, 9)),
        ("(0, -1)", (0, 9)),
        ("3", (3,)),
        ("-1", (9,)),
        ("[0, 1]", (0, 1)),
        ("(2,)", (2,)),
        ("::3", (0, 3, 6, 9)),
    ],
)
def test_documented_spellings(text, expected):
    assert IndexList(text).resolve(10) == expected


@pytest.mark.parametrize(
    "text", ["(0:a)", "()", "", "(1, , 2)", "(1.5)", "(::0)", "range(3)", "0:1:2:3", "(1))", "x" * 3000]
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"expected|is zero|neither"):
        IndexList(text)


def test_the_bad_piece_is_named():
    with pytest.raises(ValueError, match='"b:2"'):
        IndexList("(1, b:2)")
    with pytest.raises(ValueError, match=r"index 12 .* 10 positions"):
        IndexList("(0, 12)").resolve(10)


class Holder(BaseModel):
    layers: IndexList | None = None


def test_it_is_read_from_yaml_forms_and_written_as_text():
    assert Holder(layers=3).layers == IndexList("3")
    assert Holder(layers=[8, "110:121", -1]).layers == IndexList("(8, 110:121, -1)")
    holder = Holder(layers="( 0:-1 )")
    assert json.loads(holder.model_dump_json()) == {"layers": "( 0:-1 )"}
    assert Holder.model_validate_json(holder.model_dump_json()) == holder
    assert hash(holder.layers) == hash(IndexList("(0:-1)"))
    for wrong in (True, 1.5, {"a": 1}, [None]):
        with pytest.raises(ValidationError):
            Holder(layers=wrong)
    assert Holder.model_json_schema()["properties"]["layers"]["anyOf"][0] == {"type": "string"}
