"""Distances agree with those of scipy and scikit-learn, whatever the block; the nearest are the nearest."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from zoo_reid.metrics.distances import likeness_blocks, nearest, to_distances, unit
from zoo_reid.metrics.features import Features

RNG = np.random.default_rng(1)
QUERY = RNG.normal(size=(70, 24)).astype(np.float32)
GALLERY = (5 * RNG.normal(size=(131, 24)) + 1).astype(np.float32)


def all_distances(query, gallery, distance, block=None):
    """Return distances of all pairs."""
    blocks = likeness_blocks(query, gallery, distance=distance, block=block)
    return np.concatenate([to_distances(likeness, distance) for _, likeness in blocks])


def test_cosine_distance_is_scipys():
    assert np.allclose(all_distances(QUERY, GALLERY, "cosine"), cdist(QUERY, GALLERY, "cosine"), atol=1e-6)


def test_euclidean_distance_is_scipys_of_unit_vectors():
    lengths = [np.linalg.norm(v.astype(float), axis=1, keepdims=True) for v in (QUERY, GALLERY)]
    expected = cdist(QUERY / lengths[0], GALLERY / lengths[1], "euclidean")
    assert np.allclose(all_distances(QUERY, GALLERY, "euclidean"), expected, atol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 64, 70])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_a_block_changes_no_bit(block, distance):
    whole = all_distances(QUERY, GALLERY, distance, block=1000)
    assert np.array_equal(all_distances(QUERY, GALLERY, distance, block=block), whole)


def test_the_same_picture_is_equally_far_wherever_it_stands():
    gallery = np.concatenate([GALLERY, GALLERY, GALLERY[::-1]])
    found = all_distances(QUERY, gallery, "cosine")
    assert np.array_equal(found[:, :131], found[:, 131:262])
    assert np.array_equal(found[:, :131], found[:, 262:][:, ::-1])


@pytest.mark.parametrize("size", [1e-30, 1e-42, 1e30, 3e38])
def test_lengths_of_any_size_become_one(size):
    vectors = (QUERY / np.abs(QUERY).max() * size).astype(np.float32)
    assert np.allclose(np.linalg.norm(unit(vectors).astype(float), axis=1), 1.0, atol=1e-6)


def test_zeros_stay_and_broken_vectors_become_zeros():
    vectors = np.array([[0, 0], [np.nan, 1], [np.inf, 1], [0, -4]], dtype=np.float32)
    assert unit(vectors).tolist() == [[0, 0], [0, 0], [0, 0], [0, -1]]


def test_zeros_have_the_distances_of_the_formula():
    """1 - 0 for cosine; the length of the other vector for the Euclidean distance."""
    query = np.array([[3, 0], [0, 0]], dtype=np.float32)
    gallery = np.array([[0, 0], [0, 2], [1, 0]], dtype=np.float32)
    root = np.sqrt(np.float32(2))
    assert all_distances(query, gallery, "cosine").tolist() == [[1, 1, 0], [1, 1, 1]]
    assert np.allclose(all_distances(query, gallery, "euclidean"), [[1, root, 0], [0, 1, 1]])


def test_broken_pictures_are_farthest():
    gallery = np.array([[np.nan, 0], [-1, 0], [1, 0]], dtype=np.float32)
    places, distances = nearest(np.array([[1, 0]], dtype=np.float32), gallery, 3, distance="cosine")
    assert places.tolist() == [[2, 1, 0]]
    assert distances.tolist() == [[0, 2, 2]]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_nearest_are_those_of_scikit_learn(distance):
    vectors = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (GALLERY, QUERY)]
    peer = NearestNeighbors(n_neighbors=9, metric=distance, algorithm="brute").fit(vectors[0])
    expected_distances, expected = peer.kneighbors(vectors[1])
    places, distances = nearest(QUERY, GALLERY, 9, distance=distance, block=33)
    assert np.array_equal(places, expected)
    assert np.allclose(distances, expected_distances, atol=1e-5)


def test_equal_pictures_come_in_the_order_of_the_gallery():
    gallery = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [2, 0]], dtype=np.float32)
    places, _ = nearest(np.array([[1, 0], [0, 1]], dtype=np.float32), gallery, 4, distance="cosine")
    assert places.tolist() == [[0, 2, 4, 1], [1, 3, 0, 2]]


def test_no_more_than_there_are():
    places, distances = nearest(QUERY, GALLERY[:3], 10, distance="cosine")
    assert places.shape == distances.shape == (70, 3)
    places, distances = nearest(QUERY, GALLERY[:0], 10, distance="cosine")
    assert places.shape == distances.shape == (70, 0)
    assert nearest(QUERY[:0], GALLERY, 2, distance="cosine")[0].shape == (0, 2)


def test_pictures_may_come_with_their_persons():
    numbers = [np.zeros(len(v), dtype=np.int64) for v in (QUERY, GALLERY)]
    query, gallery = Features(QUERY, numbers[0], numbers[0]), Features(GALLERY, numbers[1], numbers[1])
    assert np.array_equal(
        nearest(query, gallery, 5, distance="cosine")[0], nearest(QUERY, GALLERY, 5, distance="cosine")[0]
    )


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match=r"\(70, 24\)"):
        Features(QUERY, np.zeros(69, dtype=np.int64), np.zeros(70, dtype=np.int64))
