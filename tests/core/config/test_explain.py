"""Faults of a section are told in plain words, one per key."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from zoo_core.config.describe import describe
from zoo_core.config.explain import faults
from zoo_core.config.section import Section
from zoo_core.config.sections import Fraction, PositiveInt, TrainingSection
from zoo_core.config.values import IndexList


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (PositiveInt, "a whole number greater than 0"),
        (Fraction | None, "a number greater than 0 and less than 1"),
        (Annotated[int, Field(ge=13, le=23)], "a whole number of at least 13 and of at most 23"),
        (bool, "True or False"),
        (Path | None, "a path"),
        (Literal["fit", "crop"], "one of fit, crop"),
        (Literal["", "linear"] | None, "one of '', linear"),
        (Literal["PTQ"], "PTQ"),
        (tuple[float, ...] | float | None, "a number or a list, each item a number"),
        (tuple[PositiveInt, PositiveInt, PositiveInt], "a list of 3 items, each a whole number greater than 0"),
        (list[str], "a list, each item a text"),
        (dict[str, float], "a section of keys and values"),
        (TrainingSection | None, "a section"),
        (IndexList | None, "indices and slices as in (0:-1), (150:) or (8, 110:121, -1)"),
    ],
)
def test_expectations(annotation, words):
    assert describe(annotation) == words


class Inner(Section):
    """Inner."""

    opt_eps: float | None = Field(default=None, alias="opt-eps")
    size: PositiveInt


class Example(Section):
    """Example."""

    shape: tuple[PositiveInt, PositiveInt] | None = None
    mean: tuple[float, ...] | float = 0.0
    inner: Inner | None = None
    kind: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()


def explained(data, **elsewhere):
    with pytest.raises(ValidationError) as caught:
        Example.model_validate(data)
    return {fault.key: fault for fault in faults(caught.value, Example, data, elsewhere)}


def test_every_key_is_told_once():
    data = {
        "shape": ["x", "y"],
        "mean": ["p", 1],
        "inner": {"opt_ep": 1, "opt-eps": "tiny", "size": -1},
        "kind": "c",
        "epochs": 3,
        "names": "daisy",
        "inne": 1,
    }
    found = explained(data, epochs="training")
    assert {key: fault.message for key, fault in found.items()} == {
        "shape": "expected a list of 2 items, each a whole number greater than 0, found ['x', 'y']",
        "mean": "expected a number or a list, each item a number, found ['p', 1]",
        "inner.opt_ep": "there is no such key",
        "inner.opt-eps": "expected a number, found 'tiny'",
        "inner.size": "expected a whole number greater than 0, found -1",
        "kind": "expected one of a, b, found 'c'",
        "epochs": "there is no such key here",
        "names": "expected a list, each item a text, found 'daisy'",
        "inne": "there is no such key",
    }
    assert found["inner.opt_ep"].hint == "Did you mean opt-eps?"
    assert found["epochs"].hint == "It belongs to training."
    assert found["inne"].hint == "Did you mean inner?"
    assert not any(fault.missing for fault in found.values())


def test_what_is_missing_is_marked():
    found = explained({"inner": {}})
    assert found["inner.size"].missing
    assert found["inner.size"].message == "a value is needed: a whole number greater than 0"
    assert not explained({"shape": [1]})["shape"].missing


def test_an_expression_that_cannot_be_read_says_why():
    found = explained({"inner": {"size": "9**9**9"}, "mean": "(1, 2"})
    assert "too large" in found["inner.size"].hint
    assert "needs quotes" in found["mean"].hint
    assert explained({"mean": "ten"})["mean"].hint is None
    assert "open" in explained({"mean": "open(1)"})["mean"].hint


def test_long_values_and_long_lists_are_cut():
    found = explained({"mean": "1" * 3000, "kind": "x" * 500})
    assert all(len(fault.message) < 200 for fault in found.values())
    with pytest.raises(ValidationError) as caught:
        TrainingSection.model_validate({"zzz": 1})
    (fault,) = [fault for fault in faults(caught.value, TrainingSection, {"zzz": 1}) if fault.key == "zzz"]
    assert "more" in fault.hint


def test_a_needed_key_that_is_misspelt_is_one_fault():
    found = explained({"inner": {"sise": 3}})
    assert list(found) == ["inner.sise"]
    assert "size" in found["inner.sise"].hint


def test_a_needed_key_is_missed_beside_a_word_that_means_another():
    assert set(explained({"inner": {"opt_epz": 3.0}})) == {"inner.size", "inner.opt_epz"}
