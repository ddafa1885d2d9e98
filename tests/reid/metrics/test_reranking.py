"""Re-ranked distances are those of the paper's formulas, written down with sets and dense matrices."""

import tracemalloc

import numpy as np
import pytest

from zoo_reid.metrics.distances import likeness_blocks
from zoo_reid.metrics.features import Features
from zoo_reid.metrics.ranking import rank, rank_blocks
from zoo_reid.metrics.reranking import reranked_blocks


def by_the_paper(vectors, queries, galleries, *, k1=8, k2=3, weight=0.3):
    """Compute d* of Zhong et al. (2017) for the given rows and columns."""
    v = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    original = ((v[:, None] - v[None]) ** 2).sum(axis=2)
    original /= original.max(axis=1, keepdims=True)
    count = len(v)
    order = [sorted(range(count), key=lambda g, p=p: (g != p, original[p, g])) for p in range(count)]

    def nearest(p, k):
        return set(order[p][: k + 1])

    def mutual(p, k):
        return {g for g in nearest(p, k) if p in nearest(g, k)}

    encoded = np.zeros((count, count))
    for p in range(count):
        near = mutual(p, k1)
        expanded = set(near)
        for q in near:
            others = mutual(q, round(k1 / 2))
            if len(near & others) >= 2 / 3 * len(others) - 1e-9:
                expanded |= others
        for g in expanded:
            encoded[p, g] = np.exp(-original[p, g])
        encoded[p] /= encoded[p].sum()
    encoded = np.stack([encoded[order[p][:k2]].mean(axis=0) for p in range(count)])
    result = np.empty((len(queries), len(galleries)))
    for row, p in enumerate(queries):
        for column, g in enumerate(galleries):
            jaccard = 1 - np.minimum(encoded[p], encoded[g]).sum() / np.maximum(encoded[p], encoded[g]).sum()
            result[row, column] = (1 - weight) * jaccard + weight * original[p, g]
    return result


def reranked(query, gallery, **options):
    """Return all new distances."""
    settings = {"k1": 8, "k2": 3, "weight": 0.3, "same_set": False, **options}
    return np.concatenate([part.copy() for _, part in reranked_blocks(query, gallery, **settings)])


@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (7, 3, 0.3), (5, 1, 0.0), (4, 9, 0.6), (1, 1, 1.0)])
def test_distances_are_those_of_the_paper(people, k1, k2, weight):
    query, gallery = people(1, 25, spread=1.5), people(2, 60, spread=1.5)
    both = np.concatenate([query.vectors, gallery.vectors])
    expected = by_the_paper(both, range(25), range(25, 85), k1=k1, k2=k2, weight=weight)
    assert np.allclose(reranked(query, gallery, k1=k1, k2=k2, weight=weight), expected, atol=2e-6)


def test_all_against_all_is_one_set_of_pictures(people):
    pictures = people(3, 50, spread=1.5)
    expected = by_the_paper(pictures.vectors, range(50), range(50))
    assert np.allclose(reranked(pictures, pictures, same_set=True), expected, atol=2e-6)


@pytest.mark.parametrize("block", [1, 7, 64])
def test_a_block_changes_nothing(people, block):
    query, gallery = people(4, 30), people(5, 80)
    assert np.array_equal(reranked(query, gallery, block=block), reranked(query, gallery))


def test_original_order_with_full_weight(people):
    """With lambda 1 the order is that of the original distances."""
    query, gallery = people(6, 20, spread=2.0), people(7, 70, spread=2.0)
    found = reranked(query, gallery, weight=1.0)
    original = np.concatenate([1 - part for _, part in likeness_blocks(query, gallery, distance="cosine")])
    assert np.array_equal(np.argsort(found, axis=1), np.argsort(original, axis=1))


def test_neighbourhoods_help_where_persons_form_groups(people):
    """The purpose of the method: more precision on noisy groups."""
    query, gallery = people(8, 60, persons=12, cameras=0, spread=1.3), people(9, 240, persons=12, cameras=0, spread=1.3)
    protocol = {"same_camera": "keep", "same_set": False}
    before = rank(query, gallery, distance="cosine", **protocol).mean_average_precision
    blocks = reranked_blocks(query, gallery, k1=20, k2=6, weight=0.3, same_set=False)
    after = rank_blocks(((rows, -part) for rows, part in blocks), query, gallery, **protocol).mean_average_precision
    assert after > before + 0.05


def test_few_equal_or_broken_pictures_are_no_error(people):
    one, none = people(1, 1), people(1, 0)
    assert reranked(one, one, same_set=True).shape == (1, 1)
    assert list(reranked_blocks(none, one, k1=20, k2=6, weight=0.3, same_set=False)) == []
    assert list(reranked_blocks(one, none, k1=20, k2=6, weight=0.3, same_set=False)) == []
    equal = Features(np.ones((6, 4), dtype=np.float32), np.arange(6), np.full(6, -1))
    assert np.isfinite(reranked(equal, equal, same_set=True)).all()
    broken = people(2, 9)
    broken.vectors[3] = np.nan
    broken.vectors[5] = 0
    assert np.isfinite(reranked(broken, broken, same_set=True)).all()


def test_memory_does_not_grow_with_the_number_of_pairs(people):
    """4,000 x 4,000 distances are 64 MB, as numbers of single precision alone."""
    query, gallery = people(1, 500, persons=90, spread=0.5), people(2, 3500, persons=90, spread=0.5)
    tracemalloc.start()
    for _ in reranked_blocks(query, gallery, k1=20, k2=6, weight=0.3, same_set=False):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6
