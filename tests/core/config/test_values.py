"""A value is read for the field that takes it: text stays text, the rest is computed."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from zoo_core.config.section import Section
from zoo_core.config.values import IndexList, Schedule, read_for

Positive = Annotated[float, Field(gt=0.0)]


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (float, "1/127.5", 1 / 127.5),
        (float, "1e-6", 1e-6),
        (int, "2**3", 8),
        (bool, "True", True),
        (bool, "False", False),
        (Positive | None, "None", None),
        (Positive | None, "none", None),
        (Positive | None, "", None),
        (Positive | None, "0.5", 0.5),
        (tuple[int, int, int], "(224, 224, 3)", (224, 224, 3)),
        (tuple[float, ...] | float | None, ["1/2", "0.25"], [0.5, 0.25]),
        (tuple[float, ...] | float | None, "1/4", 0.25),
        (list[int | None], ["1", "None"], [1, None]),
        (dict[str, float], {"a": "1/2"}, {"a": 0.5}),
        (str, "1/2", "1/2"),
        (str, "None", "None"),
        (str, "", ""),
        (str | None, "None", None),
        (str | None, "", None),
        (str | None, "(1, 2)", "(1, 2)"),
        (Path | None, "None", None),
        (Path | None, "1/2", "1/2"),
        (Literal["", "linear"] | None, "", ""),
        (Literal["", "linear"] | None, "None", None),
        (Literal["none", "cosine"], "none", "none"),
        (float | str, "1/2", "1/2"),
        (IndexList | None, "(0:-1)", "(0:-1)"),
        (IndexList | None, "None", None),
        (IndexList, "(0, -1)", "(0, -1)"),
        (Schedule, "lambda epoch, lr: lr", "lambda epoch, lr: lr"),
        (tuple[str, ...] | None, "", None),
        (tuple[str, ...], ["None", "1/2"], ["None", "1/2"]),
        (Any, "1/2", "1/2"),
        (int, "ten", "ten"),
        (int, "__import__('os')", "__import__('os')"),
        (int, 3, 3),
        (Section, {"a": "1/2"}, {"a": "1/2"}),
    ],
)
def test_examples(annotation, value, expected):
    read = read_for(annotation, value)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize("annotation", [int, float, Positive | None, tuple[int, ...] | int])
def test_true_is_no_number(annotation):
    with pytest.raises(ValueError, match="found True"):
        read_for(annotation, True)
    assert read_for(bool | int, True) is True


@given(st.text())
def test_text_fields_take_any_text_unchanged(text):
    assert read_for(str, text) == text


class Example(Section):
    """An example."""

    epochs: int
    rate: float = 0.1
    name: str = "x"
    sizes: tuple[int, ...] = (1,)
    eps: float | None = Field(default=1e-3, alias="opt-eps")


def test_a_key_without_a_value_is_a_key_that_is_not_there():
    example = Example(epochs=3, rate=None, sizes="None", name="")
    assert (example.rate, example.sizes, example.name) == (0.1, (1,), "")
    assert Example.model_validate({"epochs": 1, "opt-eps": None}).eps is None
    with pytest.raises(ValidationError, match="Field required"):
        Example(epochs="")


def test_sections_cannot_be_changed_and_take_no_unknown_keys():
    example = Example.model_validate({"epochs": "2*3", "opt-eps": "1/4", "name": 2024})
    assert (example.epochs, example.eps, example.name) == (6, 0.25, "2024")
    with pytest.raises(ValidationError, match="frozen"):
        example.epochs = 4
    with pytest.raises(ValidationError, match="Extra inputs"):
        Example.model_validate({"epochs": 1, "epoch": 2})


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1.5, "1/3", True, "three"])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValidationError):
        Example(epochs=value)
