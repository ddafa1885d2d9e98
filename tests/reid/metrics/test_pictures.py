"""The files of an evaluation hold what was measured."""

import csv

import numpy as np
import pytest
from PIL import Image

from zoo_reid.metrics.histogram import distance_histogram
from zoo_reid.metrics.pictures import write_distance_histogram_png, write_per_query_csv, write_rank_curve_png
from zoo_reid.metrics.ranking import rank

PROTOCOL = {"distance": "cosine", "same_camera": "exclude", "same_set": False}


def test_histogram_by_hand(at_angles):
    """From 0 degrees: 60 is the same person at 0.5, 90 the same camera, 120 another person at 1.5."""
    query = at_angles((0, 1, 0))
    found = distance_histogram(query, at_angles((61, 1, 1), (90, 1, 0), (121, 2, 0), (180, 2, 1)), **PROTOCOL)
    assert np.flatnonzero(found.same).tolist() == [51]  # 1 - cos 61 degrees = 0.515
    assert np.flatnonzero(found.different).tolist() == [151, 199]  # 1.515 and 2, which is in the last step
    assert found.same.sum() == 1
    assert found.different.sum() == 2


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("same_set", [False, True])
def test_histogram_counts_every_pair_that_counts(people, distance, same_set):
    query, gallery = people(1, 40), people(2, 55)
    query = gallery if same_set else query
    protocol = {**PROTOCOL, "distance": distance, "same_set": same_set}
    found = distance_histogram(query, gallery, **protocol)
    one, other = (v.vectors.astype(float) for v in (query, gallery))
    one, other = one / np.linalg.norm(one, axis=1)[:, None], other / np.linalg.norm(other, axis=1)[:, None]
    distances = 1 - one @ other.T
    distances = np.sqrt(2 * np.maximum(distances, 0)) if distance == "euclidean" else distances
    same = query.identities[:, None] == gallery.identities[None]
    left_out = same & (query.cameras[:, None] == gallery.cameras[None]) & (query.cameras >= 0)[:, None]
    left_out |= np.eye(*same.shape, dtype=bool) if same_set else False
    for counts, chosen in ((found.same, same & ~left_out), (found.different, ~same)):
        expected, _ = np.histogram(distances[chosen], bins=200, range=(0, 2))
        assert counts.sum() == chosen.sum()
        assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1  # rounding at the border of a step
    parts = distance_histogram(query, gallery, **protocol, block=7)
    assert np.array_equal(parts.same, found.same)
    assert np.array_equal(parts.different, found.different)


def test_broken_embeddings_have_no_distance(people):
    query, gallery = people(1, 4, cameras=0), people(2, 6, cameras=0)
    query.vectors[0] = np.nan
    gallery.vectors[1] = np.inf
    found = distance_histogram(query, gallery, **PROTOCOL)
    assert found.same.sum() + found.different.sum() == 3 * 5


def test_table_of_queries_by_hand(tmp_path, at_angles):
    query = at_angles((0, 0, 2), (0, 1, -1), (0, 0, -1), (0, 2, 0))
    query.vectors[2] = np.nan
    gallery = at_angles((5, 1, 0), (10, 0, 3), (15, 0, 2))
    path = write_per_query_csv(tmp_path / "t.csv", query, ("anna", "b,c", "carl"), rank(query, gallery, **PROTOCOL))
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows == [
        ["identity", "camera", "counted", "ap", "first_right"],
        ["anna", "2", "yes", "50.00", "2"],
        ["b,c", "", "yes", "100.00", "1"],
        ["anna", "", "yes", "0.00", ""],
        ["carl", "0", "no", "", ""],
    ]


def test_pictures_are_drawn(tmp_path, people):
    """Pictures of a search, and of an empty one, open and are not blank."""
    for count in (0, 30):
        query, gallery = people(1, count), people(2, count)
        ranking = rank(query, gallery, **PROTOCOL)
        histogram = distance_histogram(query, gallery, **PROTOCOL)
        paths = (
            write_rank_curve_png(tmp_path / "curve.png", ranking),
            write_distance_histogram_png(tmp_path / "histogram.png", histogram, "cosine"),
        )
        for path in paths:
            with Image.open(path) as picture:
                assert picture.size == (800, 600)
                assert len(set(picture.convert("L").tobytes())) > 10


def test_curve_shows_the_cumulative_matches(tmp_path, people, monkeypatch):
    """The line that is drawn is the curve, and the title names mAP."""
    drawn = []
    monkeypatch.setattr("zoo_reid.metrics.pictures.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    ranking = rank(people(1, 30, spread=2.0), people(2, 90, spread=2.0), **PROTOCOL)
    write_rank_curve_png(tmp_path / "curve.png", ranking)
    (axes,) = drawn[0].axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == list(range(1, 51))
    assert np.allclose(line.get_ydata(), 100 * ranking.cumulative_matches(50))
    assert f"mAP {100 * ranking.mean_average_precision:.2f} %" in axes.get_title()
