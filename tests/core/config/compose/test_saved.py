"""A saved configuration takes new overrides, and its texts stand as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.config.compose import compose_saved

TEXTS = st.text(alphabet="ab$\\{}:.'\" \n%()", max_size=12)


@given(st.dictionaries(st.sampled_from("abc"), TEXTS | st.lists(TEXTS, max_size=2), max_size=3))
def test_texts_are_never_read_as_references(tmp_path_factory, values):
    composed = compose_saved({"general": values}, tmp_path_factory.getbasetemp())
    assert composed.issues == ()
    assert composed.data["general"] == values


SAVED = {"operation_mode": "training", "training": {"epochs": 3, "lr": None}, "hydra": {"run": {"dir": "x"}}}


def test_overrides_apply(tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER", "here")
    overrides = ["training.epochs=5", "dataset.training_path=${FOLDER}/x", "~training.lr", "training.shape=(1,2)"]
    composed = compose_saved(SAVED, tmp_path, overrides)
    assert composed.issues == ()
    assert composed.data["training"] == {"epochs": 5, "shape": "(1,2)"}
    assert composed.data["dataset"] == {"training_path": "here/x"}
    assert composed.origins.exact("training.epochs").file == "command line"
    assert composed.origins.exact("operation_mode").base_dir == tmp_path
    assert SAVED["training"]["epochs"] == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("+training.epochs=5", "write training.epochs=5"),
        ("~training.epoch", "no such key"),
        ("model@other=net", "group"),
        ("hydra.run.dir.[=5", ""),
        ("training.epochs=1,2", "sweep"),
    ],
)
def test_wrong_overrides_are_named(tmp_path, override, words):
    (issue,) = compose_saved(SAVED, tmp_path, [override]).issues
    assert words in issue.message
    assert issue.file == "command line"
