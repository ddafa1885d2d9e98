"""Curves are thinned to their ends and even steps; tables keep what is confused most."""

import json

import numpy as np
import pytest

from zoo_core.charts import (
    Chart,
    Series,
    confusion_table,
    drawings_document,
    drawings_from_document,
    thinned_series,
)


def test_long_curves_keep_their_ends_and_even_steps():
    x = [number / 1000 for number in range(1001)]
    thin = thinned_series("mean", x, [2 * value for value in x], emphasis=True)
    assert thin.x == tuple(number / 100 for number in range(101))
    np.testing.assert_allclose(thin.y, 2 * np.array(thin.x))
    assert thin.emphasis


@pytest.mark.parametrize("count", [102, 150, 999, 1000])
def test_thinned_curves_never_repeat_or_turn_back(count):
    thin = thinned_series("a", range(count), range(count))
    assert len(thin.x) == 101
    assert (thin.x[0], thin.x[-1]) == (0, count - 1)
    steps = np.diff(thin.x)
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1


@pytest.mark.parametrize("count", [0, 1, 2, 101])
def test_short_curves_stay_whole(count):
    assert thinned_series("a", range(count), range(count)).x == tuple(range(count))


def test_few_classes_stay_whole():
    table = confusion_table("Confusion", ["a", "b"], [[1, 2], [3, 4]], column_label="predicted class")
    assert (table.name, table.title, table.row_label) == ("confusion_matrix", "Confusion", "true class")
    assert table.rows == table.columns == ("a", "b")
    assert table.counts == ((1, 2), (3, 4))


def test_of_many_classes_those_stay_that_are_confused_most():
    """Of five classes, the second is taken for the last twice and the fourth for the first once."""
    counts = np.diag([9, 9, 9, 9, 9])
    counts[1, 4], counts[3, 0] = 2, 1
    table = confusion_table("Confusion", "abcde", counts.tolist(), column_label="predicted class", classes=2)
    assert table.rows == ("b", "e")
    assert table.counts == ((9, 2), (0, 9))
    assert table.title == "Confusion: the 2 of 5 classes that are confused most"


def test_forty_classes_are_the_limit():
    names = [str(number) for number in range(41)]
    counts = np.eye(41, dtype=int)
    assert confusion_table("", names[:40], counts[:40, :40].tolist(), column_label="").title == ""
    counts[0, 40] = 1  # the last class is confused, and of the others the first ones are taken
    table = confusion_table("Confusion", names, counts.tolist(), column_label="")
    assert table.rows == (*names[:39], "40")
    assert "40 of 41" in table.title


def test_background_is_no_class_and_always_there():
    counts = [[5, 0, 0, 0], [0, 5, 0, 3], [0, 0, 5, 0], [1, 0, 0, 0]]
    table = confusion_table("", "abc", counts, column_label="", background="background", classes=1)
    assert table.rows == ("b", "background")
    assert table.counts == ((5, 3), (0, 0))


def test_drawings_survive_json():
    chart = Chart(
        name="f1",
        title="F1",
        x_label="x",
        y_label="y",
        series=(Series(label="a", x=(0.0, 1.0), y=(0.5, 0.25), emphasis=True),),
        x_mark=0.4,
    )
    table = confusion_table("Confusion", ["a"], [[3]], column_label="predicted class")
    document = json.loads(json.dumps(drawings_document([chart, table])))
    assert drawings_from_document(document) == (chart, table)
    assert drawings_from_document({**document, "model": "int8"}) == (chart, table)


@pytest.mark.parametrize("document", [{}, {"schema_version": 2}, {"schema_version": 1, "drawings": [{"kind": "pie"}]}])
def test_unknown_documents_are_refused(document):
    with pytest.raises(ValueError, match=r"schema version|unknown kind"):
        drawings_from_document(document)
