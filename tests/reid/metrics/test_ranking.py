"""Average precision, inverse penalty and cumulative matches are those of hand, of loops and of scikit-learn."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from zoo_reid.metrics.features import Features
from zoo_reid.metrics.ranking import NEVER, rank


def ranked(query, gallery, **options):
    """Rank with the usual options."""
    return rank(query, gallery, **{"distance": "cosine", "same_camera": "exclude", "same_set": False, **options})


def assert_agrees(ranking, answers):
    """Compare with what the loops found, query by query and in the mean."""
    assert ranking.valid.tolist() == [one.first is not None for one in answers]
    counted = [one for one in answers if one.first is not None]
    assert np.allclose(ranking.average_precision[ranking.valid], [one.average_precision for one in counted], atol=1e-12)
    assert np.allclose(ranking.inverse_penalty[ranking.valid], [one.inverse_penalty for one in counted], atol=1e-12)
    assert ranking.first_hit.tolist() == [-1 if one.first is None else one.first for one in answers]
    if counted:
        assert ranking.mean_average_precision == pytest.approx(np.mean([one.average_precision for one in counted]))
        assert ranking.mean_inverse_penalty == pytest.approx(np.mean([one.inverse_penalty for one in counted]))
        for place in (1, 5, 50):
            share = sum(one.first < place for one in counted) / len(counted)
            assert ranking.cumulative_matches()[place - 1] == pytest.approx(share)


def test_by_hand(at_angles):
    """Right pictures at places 2, 4 and 5 of 5; then at places 1 and 2 of the other person."""
    gallery = at_angles((10, 2, -1), (20, 1, -1), (30, 2, -1), (40, 1, -1), (50, 1, -1))
    found = ranked(at_angles((0, 1, -1), (21, 2, -1)), gallery)
    assert found.average_precision[0] == pytest.approx((1 / 2 + 2 / 4 + 3 / 5) / 3)
    assert found.inverse_penalty[0] == pytest.approx(3 / 5)
    # from 21 degrees: 20 (person 1), 30 (2), 10 (2), 40, 50
    assert found.average_precision[1] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found.inverse_penalty[1] == pytest.approx(2 / 3)
    assert found.first_hit.tolist() == [1, 1]
    assert found.mean_average_precision == pytest.approx((1.6 / 3 + 3.5 / 6) / 2)
    assert found.cumulative_matches(3).tolist() == [0, 1, 1]


def test_curve_by_hand(at_angles):
    """First right pictures at places 1, 3, 3 and nowhere: the last does not count."""
    gallery = at_angles((0, 1, -1), (10, 9, -1), (20, 2, -1), (30, 3, -1))
    query = at_angles((1, 1, -1), (1, 2, -1), (41, 2, -1), (1, 5, -1))
    found = ranked(query, gallery)
    assert found.first_hit.tolist() == [0, 2, 1, -1]
    assert found.cumulative_matches(5) == pytest.approx([1 / 3, 2 / 3, 1, 1, 1])
    assert found.count == 3


def test_same_person_by_the_same_camera_does_not_count(at_angles):
    """The nearest is the person by the camera of the query: left out, so that the second becomes the first."""
    query = at_angles((0, 1, 3))
    gallery = at_angles((5, 1, 3), (10, 2, 3), (15, 1, 4), (20, 1, -1))
    market = ranked(query, gallery)
    assert market.first_hit.tolist() == [1]
    assert market.average_precision[0] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert market.inverse_penalty[0] == pytest.approx(2 / 3)
    kept = ranked(query, gallery, same_camera="keep")
    assert kept.first_hit.tolist() == [0]
    assert kept.average_precision[0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_unknown_cameras_are_never_the_same(at_angles):
    query, gallery = at_angles((0, 1, -1)), at_angles((5, 1, -1), (6, 1, 0))
    assert ranked(query, gallery).average_precision.tolist() == [1.0]
    assert ranked(query, gallery).inverse_penalty.tolist() == [1.0]


def test_a_query_left_without_right_pictures_does_not_count(at_angles):
    query, gallery = at_angles((0, 1, 0), (0, 2, 0)), at_angles((5, 1, 0), (6, 2, 1))
    found = ranked(query, gallery)
    assert found.valid.tolist() == [False, True]
    assert found.mean_average_precision == 1 / 2
    assert found.cumulative_matches(2).tolist() == [0, 1]


def test_none_is_searched_for_itself(at_angles):
    pictures = at_angles((0, 1, -1), (2, 2, -1), (5, 1, -1), (60, 3, -1))
    found = ranked(pictures, pictures, same_set=True)
    assert found.valid.tolist() == [True, False, True, False]
    assert found.first_hit.tolist() == [1, -1, 1, -1]
    assert ranked(pictures, pictures).first_hit.tolist() == [0, 0, 0, 0]


def test_pictures_known_by_number_are_not_searched_for_themselves(at_angles):
    query, gallery = at_angles((0, 1, -1), (9, 1, -1)), at_angles((30, 2, -1), (0, 1, -1), (40, 1, -1))
    query = replace(query, pictures=np.array([7, 3]))
    gallery = replace(gallery, pictures=np.array([1, 7, 2]))
    assert ranked(query, gallery).first_hit.tolist() == [1, 0]


def test_equal_distances_are_ordered_by_place(at_angles):
    """All three are the same picture: the right one has the place that it has in the gallery."""
    query = at_angles((0, 1, -1))
    for place in range(3):
        people = [2, 2, 2]
        people[place] = 1
        found = ranked(query, at_angles(*((10, person, -1) for person in people)))
        assert found.first_hit.tolist() == [place]


@pytest.mark.parametrize("seed", range(200))
def test_random_searches_agree_with_loops(people, naive, seed):
    """Every kind of search: cameras or none, ties or none, distractors, queries without match, all against all."""
    generator = np.random.default_rng(seed)
    options = {
        "cameras": int(generator.integers(0, 4)),
        "ties": bool(generator.integers(2)),
        "persons": int(generator.integers(1, 9)),
        "spread": float(generator.choice([0.3, 1.0, 3.0])),
    }
    query = people(seed, int(generator.integers(1, 12)), **options)
    gallery = people(seed + 1000, int(generator.integers(1, 30)), known_from=int(generator.integers(0, 5)), **options)
    same_set = seed % 3 == 0
    protocol = {
        "distance": str(generator.choice(["cosine", "euclidean"])),
        "same_camera": str(generator.choice(["exclude", "keep"])),
        "same_set": same_set,
    }
    query = gallery if same_set else query
    assert_agrees(ranked(query, gallery, **protocol), naive(query, gallery, **protocol))


@pytest.mark.parametrize("ties", [False, True])
def test_many_right_pictures_are_placed_by_sorting_as_by_counting(people, naive, ties):
    """With two persons a third of 120 pictures is right for each query, so that rows are sorted."""
    query = people(5, 9, persons=2, ties=ties, cameras=4)
    gallery = people(6, 120, persons=3, ties=ties, cameras=4, spread=2.0)
    assert_agrees(ranked(query, gallery), naive(query, gallery))


def test_average_precision_is_that_of_scikit_learn(people):
    query, gallery = people(1, 40, cameras=0, spread=2.0), people(2, 300, cameras=0, spread=2.0)
    lengths = [np.linalg.norm(one.vectors.astype(float), axis=1, keepdims=True) for one in (query, gallery)]
    scores = (query.vectors / lengths[0]) @ (gallery.vectors / lengths[1]).T
    expected = [
        average_precision_score(gallery.identities == person, row)
        for person, row in zip(query.identities, scores, strict=True)
    ]
    assert np.allclose(ranked(query, gallery).average_precision, expected, atol=1e-9)


@pytest.mark.parametrize("block", [1, 5, 64, 200])
def test_a_block_changes_nothing(people, block):
    query, gallery = people(3, 90, spread=2.0), people(4, 333, spread=2.0)
    whole, parts = ranked(query, gallery), ranked(query, gallery, block=block)
    assert np.array_equal(parts.average_precision, whole.average_precision)
    assert np.array_equal(parts.inverse_penalty, whole.inverse_penalty)
    assert np.array_equal(parts.first_hit, whole.first_hit)


def test_broken_embeddings(at_angles):
    """A broken query is never answered; a broken picture of the gallery comes last, after the farthest."""
    query = at_angles((0, 1, -1), (0, 1, -1))
    gallery = at_angles((0, 1, -1), (5, 1, -1), (180, 2, -1))
    query.vectors[1, 0] = np.nan
    gallery.vectors[0] = np.inf
    found = ranked(query, gallery)
    assert found.average_precision == pytest.approx([(1 + 2 / 3) / 2, 0])
    assert found.inverse_penalty == pytest.approx([2 / 3, 0])
    assert found.first_hit.tolist() == [0, NEVER]
    assert found.valid.all()
    assert found.cumulative_matches(5).tolist() == [0.5] * 5
    assert ranked(query, gallery, same_camera="keep", distance="euclidean").first_hit.tolist() == [0, NEVER]


def test_nothing_to_search_for_or_through(people):
    some, none = people(1, 5), people(1, 0)
    for query, gallery in ((none, some), (some, none), (none, none)):
        found = ranked(query, gallery)
        assert found.count == 0
        assert found.mean_average_precision == found.mean_inverse_penalty == 0.0
        assert not found.cumulative_matches().any()


def test_memory_does_not_grow_with_the_number_of_pairs():
    """2,000 x 20,000 distances are 160 MB, as numbers of single precision alone."""
    generator = np.random.default_rng(0)

    def make(count):
        persons = generator.integers(0, 2000, count)
        return Features(generator.normal(size=(count, 16)).astype(np.float32), persons, persons % 4 - 1)

    query, gallery = make(2000), make(20000)
    tracemalloc.start()
    ranked(query, gallery)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6
