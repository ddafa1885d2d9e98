"""Bootstrap intervals are exact where there is nothing to draw, and hold the true mean as often as they promise."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from zoo_reid.metrics.confidence import mean_intervals


def test_all_right_is_certain():
    assert mean_intervals(np.ones((50, 2)), 200, 1).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_one_query_is_all_there_is():
    assert mean_intervals(np.array([[0.25]]), 10, 1).tolist() == [[0.25, 0.25]]


def test_no_query_gives_zeros():
    assert mean_intervals(np.zeros((0, 2)), 10, 1).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_seed_decides():
    values = np.random.default_rng(0).random((40, 2))
    assert np.array_equal(mean_intervals(values, 100, 7), mean_intervals(values, 100, 7))
    assert not np.array_equal(mean_intervals(values, 100, 7), mean_intervals(values, 100, 8))


def test_columns_are_drawn_together():
    """What is drawn are queries: twice the column has twice the bounds."""
    column = np.random.default_rng(0).random(30)
    first, second = mean_intervals(np.stack([column, 2 * column], axis=1), 300, 3)
    assert second == pytest.approx(2 * first)


def test_interval_is_scipys():
    values = np.random.default_rng(2).random((120, 1)) ** 2
    peer = bootstrap((values[:, 0],), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(0))
    expected = (peer.confidence_interval.low, peer.confidence_interval.high)
    assert mean_intervals(values, 20000, 5)[0] == pytest.approx(expected, abs=0.002)


def test_drawing_in_parts_changes_no_number_of_drawings(monkeypatch):
    """Parts of 3 drawings make as many means as one part: the bounds of 1,000 drawings stay near each other."""
    values = np.random.default_rng(3).random((50, 1))
    whole = mean_intervals(values, 1000, 5)
    monkeypatch.setattr("zoo_reid.metrics.confidence.DRAWN_AT_ONCE", 150)
    assert mean_intervals(values, 1000, 5) == pytest.approx(whole, abs=1e-12)


def test_true_mean_is_inside_in_about_95_of_100():
    generator = np.random.default_rng(4)
    inside = 0
    for trial in range(400):
        low, high = mean_intervals(generator.beta(4, 2, (80, 1)), 300, trial)[0]
        inside += low <= 4 / 6 <= high
    assert 0.915 < inside / 400 < 0.975
