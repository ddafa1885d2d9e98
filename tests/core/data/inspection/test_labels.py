"""A data set with labels of its own kind says what they are like; others are left alone."""

from types import SimpleNamespace

import pytest

from zoo_core.data.inspection.findings import Finding, sort_findings
from zoo_core.data.inspection.labels import LabelInspection, LabelStatistics


@pytest.fixture
def labelled(pictures):
    class Labelled(pictures):
        def label_counts(self):
            return {"nose": 3, "ear": 0}

        def label_findings(self, split):
            return [Finding(kind="far", problem=True, text=f"{split}: 1 point far away")]

        def label_statistics(self):
            return LabelStatistics(document={"points": 3}, lines=("3 points",))

    return Labelled([], [])


def test_data_set_is_recognised_by_what_it_offers(labelled, pictures):
    assert isinstance(labelled, LabelInspection)
    assert not isinstance(pictures([], []), LabelInspection)
    assert not isinstance(SimpleNamespace(label_counts=dict), LabelInspection)


def test_problems_come_first_and_keep_their_order():
    found = [Finding(kind=kind, problem=kind in "bd", text="") for kind in "abcd"]
    assert [finding.kind for finding in sort_findings(found)] == ["b", "d", "a", "c"]
