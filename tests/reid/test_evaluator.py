"""The evaluator gives the numbers of plain loops for every kind of test set, and the files that show them."""

import csv
import logging
import pickle
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from zoo_core.errors import UserError
from zoo_reid.config.evaluation import ReidEvaluationSection
from zoo_reid.evaluator import ReidEvaluator
from zoo_reid.labels import PersonLabel, collate_persons

RANKED = ("map", "minp", "rank1", "rank5", "rank10")
INTERVALS = ("map_low", "map_high", "rank1_low", "rank1_high")


def pictures(seed, count, role="both", *, persons=8, size=12, spread=1.0, number=-1):
    """Make embeddings around one centre per person, with their labels."""
    generator = np.random.default_rng(seed)
    identities = generator.integers(0, persons, count)
    centres = np.random.default_rng(0).normal(size=(persons, size))
    vectors = (centres[identities] + spread * generator.normal(size=(count, size))).astype(np.float32)
    labels = [
        PersonLabel(identity=f"p{one}", camera=int(generator.integers(-1, 3)), role=role, number=number)
        for one in identities
    ]
    return vectors, labels


def evaluated(vectors, labels, batch=16, **options):
    """Return an evaluator that was given all pictures in batches."""
    evaluator = ReidEvaluator(ReidEvaluationSection(**options))
    for start in range(0, len(labels), batch):
        part = slice(start, start + batch)
        evaluator.update([vectors[part]], collate_persons(labels[part]))
    return evaluator


def values(evaluator):
    """Return the metrics by name."""
    return {metric.name: metric.value for metric in evaluator.compute()}


def by_loops(vectors, labels):
    """Return mAP, mINP and rank-1, -5, -10 in percent, by Market's protocol, in double precision."""
    unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    precisions, penalties, firsts = [], [], []
    for q, label in enumerate(labels):
        if label.role == "gallery":
            continue
        known = [g for g, other in enumerate(labels) if other.role != "query" and g != q]
        known = [
            g
            for g in known
            if not (labels[g].identity == label.identity and labels[g].camera == label.camera and label.camera >= 0)
        ]
        known.sort(key=lambda g, q=q: float(1 - unit[q] @ unit[g]))
        places = [place for place, g in enumerate(known, 1) if labels[g].identity == label.identity]
        if places:
            precisions.append(np.mean([hit / place for hit, place in enumerate(places, 1)]))
            penalties.append(len(places) / places[-1])
            firsts.append(places[0])
    ranks = [100 * np.mean([first <= k for first in firsts]) for k in (1, 5, 10)]
    return [100 * np.mean(precisions), 100 * np.mean(penalties), *ranks]


def query_and_gallery():
    """Return a test set: pictures to search for, and a gallery with two persons that nobody searches for."""
    query, gallery = pictures(1, 30, "query", persons=6), pictures(2, 90, "gallery")
    return np.concatenate([query[0], gallery[0]]), query[1] + gallery[1]


def mixed():
    """Return a set in which some pictures are both searched for and searched through."""
    (vectors, labels), (more, others) = query_and_gallery(), pictures(3, 40)
    return np.concatenate([vectors, more]), labels + others


@pytest.mark.parametrize("make", [lambda: pictures(1, 70), query_and_gallery, mixed], ids=["both", "two", "mixed"])
def test_metrics_are_those_of_loops(make):
    vectors, labels = make()
    found = values(evaluated(vectors, labels))
    assert [found[name] for name in RANKED] == pytest.approx(by_loops(vectors, labels))
    assert 5 < found["map"] < 95


def test_metrics_by_hand():
    """The query of a finds b, then a: AP 1/2; that of b finds b at once; that of c has nobody and does not count."""
    vectors = np.array([[1, 0], [0.2, 0.9], [1, 1], [0.1, 0.9], [0.05, 1]], dtype=np.float32)
    roles = [("a", "query"), ("b", "query"), ("c", "query"), ("b", "gallery"), ("a", "gallery")]
    labels = [PersonLabel(identity=name, role=role) for name, role in roles]
    found = values(evaluated(vectors, labels, bootstrap=0))
    # a: b at 83.7 degrees, a at 87.1; b: from 77.5 degrees b at 83.7 is nearer than a
    assert found == pytest.approx({"map": 75.0, "minp": 75.0, "rank1": 50.0, "rank5": 100.0, "rank10": 100.0})


def test_names_follow_the_options():
    vectors, labels = pictures(1, 40)
    assert tuple(values(evaluated(vectors, labels, bootstrap=0))) == RANKED
    assert tuple(values(evaluated(vectors, labels))) == RANKED + INTERVALS
    names = tuple(values(evaluated(vectors, labels, reranking=True)))
    assert names == RANKED + INTERVALS + tuple(f"reranked_{name}" for name in RANKED)
    assert {(metric.unit, metric.higher_is_better) for metric in evaluated(vectors, labels).compute()} == {("%", True)}


def test_intervals_hold_the_values_and_follow_the_seed():
    vectors, labels = query_and_gallery()
    found = values(evaluated(vectors, labels))
    for name in ("map", "rank1"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]
    assert values(evaluated(vectors, labels)) == found
    assert values(evaluated(vectors, labels, seed=7)) != found


def test_all_right_is_100_with_a_certain_interval():
    vectors, labels = pictures(1, 60, spread=0.0)
    assert values(evaluated(vectors, labels)) == pytest.approx(dict.fromkeys(RANKED + INTERVALS, 100.0))


def test_reranking_changes_the_order_only_in_its_own_metrics():
    vectors, labels = pictures(4, 200, persons=8, spread=1.8)
    plain, both = values(evaluated(vectors, labels)), values(evaluated(vectors, labels, reranking=True))
    assert {name: both[name] for name in plain} == plain
    assert both["reranked_map"] > plain["map"]
    weight_one = values(evaluated(vectors, labels, reranking=True, reranking_lambda=1.0))
    assert weight_one["reranked_map"] == pytest.approx(plain["map"], abs=0.01)


@pytest.mark.parametrize("world", [2, 3, 7])
def test_processes_and_order_change_nothing(world, tmp_path):
    """Also where pictures are the same and ties decide; states survive pickling."""
    vectors, labels = mixed()
    vectors = np.sign(vectors)
    whole = evaluated(vectors, labels, reranking=True)
    parts = [evaluated(vectors[rank::world], labels[rank::world]) for rank in range(world)]
    merged = ReidEvaluator(ReidEvaluationSection(reranking=True))
    merged.merge(pickle.loads(pickle.dumps([part.state() for part in reversed(parts)])))  # noqa: S301
    assert merged.compute() == whole.compute()
    assert merged.per_class() == whole.per_class()
    names = [[path.read_bytes() for path in one.write(tmp_path / str(n), "m")] for n, one in enumerate((merged, whole))]
    assert names[0] == names[1]


def test_new_batches_count_after_a_computation():
    vectors, labels = pictures(1, 60, spread=2.0)
    evaluator = evaluated(vectors[:30], labels[:30])
    before = values(evaluator)
    evaluator.update([vectors[30:]], collate_persons(labels[30:]))
    assert values(evaluator) == values(evaluated(vectors, labels)) != before


def test_accuracy_of_the_identity_head():
    """4 pictures of known persons, 2 named rightly, one with a broken answer; the others do not count."""
    vectors, labels = pictures(1, 6)
    labels = [PersonLabel(identity=one.identity, number=n) for one, n in zip(labels, (0, 1, 2, 2, -1, -1), strict=True)]
    logits = np.eye(3, dtype=np.float32)[[0, 1, 0, 2, 0, 0]]
    logits[3, 0] = np.nan
    evaluator = ReidEvaluator(ReidEvaluationSection(bootstrap=0))
    for part in (slice(0, 3), slice(3, 6)):
        evaluator.update([vectors[part], vectors[part], logits[part]], collate_persons(labels[part]))
    assert values(evaluator)["accuracy"] == 50.0
    other = ReidEvaluator(ReidEvaluationSection())
    other.merge([evaluator.state(), evaluator.state()])
    assert values(other)["accuracy"] == 50.0
    other = ReidEvaluator(ReidEvaluationSection())
    other.update([vectors[4:], vectors[4:], logits[4:]], collate_persons(labels[4:]))
    assert "accuracy" not in values(other)


def test_outputs_of_foreign_models_are_flattened():
    vectors, labels = pictures(1, 20)
    evaluator = ReidEvaluator(ReidEvaluationSection())
    evaluator.update([vectors[:, :, None, None]], collate_persons(labels))
    assert evaluator.compute() == evaluated(vectors, labels).compute()


def test_what_is_no_embedding_is_refused():
    vectors, labels = pictures(1, 6)
    for outputs in ([vectors[:5]], [], [vectors[:, :0]]):
        with pytest.raises(UserError, match="for 6 pictures"):
            ReidEvaluator(ReidEvaluationSection()).update(outputs, collate_persons(labels))
    evaluator = evaluated(vectors, labels)
    evaluator.update([vectors[:, :5]], collate_persons(labels))
    with pytest.raises(UserError, match=r"\[5, 12\]"):
        evaluator.compute()


def test_rehearsals_without_any_right_picture_give_zeros(tmp_path, caplog):
    """Four pictures of four persons, queries without gallery, and nothing at all."""
    vectors, _ = pictures(1, 4)
    strangers = [PersonLabel(identity=name) for name in "abcd"]
    queries = [PersonLabel(identity=name, role="query") for name in "abcd"]
    for number, labels in enumerate((strangers, queries, [])):
        evaluator = evaluated(vectors, labels, reranking=True)
        names = RANKED + INTERVALS + tuple(f"reranked_{name}" for name in RANKED)
        assert values(evaluator) == dict.fromkeys(names, 0.0)
        assert len(evaluator.per_class()) == len(labels)
        with caplog.at_level(logging.WARNING, logger="zoo"):
            assert len(evaluator.write(tmp_path / str(number), "float_model_test_set")) == 3
    told = [record.getMessage() for record in caplog.records]
    assert told == ["4 of 4 queries have no right picture in the gallery and do not count."] * 2


def test_broken_embeddings_are_never_right():
    vectors, labels = pictures(1, 40, spread=0.0)
    vectors[:] = np.nan
    found = values(evaluated(vectors, labels))
    assert found == dict.fromkeys(RANKED + INTERVALS, 0.0)


def test_rows_of_persons_add_up():
    vectors, labels = query_and_gallery()
    evaluator = evaluated(vectors, labels)
    rows, found = evaluator.per_class(), values(evaluator)
    assert [row["identity"] for row in rows] == sorted({one.identity for one in labels if one.role == "query"})
    counts = np.array([row["queries"] for row in rows])
    for key, name in (("ap", "map"), ("rank1", "rank1")):
        assert np.average([row[key] for row in rows], weights=counts) == pytest.approx(found[name])
    one = rows[2]
    alone = [place for place, label in enumerate(labels) if label.role == "gallery" or label.identity == "p2"]
    expected = by_loops(vectors[alone], [labels[place] for place in alone])
    assert (one["ap"], one["rank1"]) == pytest.approx((expected[0], expected[2]))


@pytest.mark.parametrize("name", ["float", "quantized"])
def test_files_of_an_evaluation(tmp_path, name):
    vectors, labels = query_and_gallery()
    evaluator = evaluated(vectors, labels)
    paths = evaluator.write(tmp_path / "new", f"{name}_model_validation_set")
    assert [path.name for path in paths] == [
        f"{name}_model_reid_rank_curve.png",
        f"{name}_model_reid_distance_histogram.png",
        f"{name}_model_reid_per_query.csv",
    ]
    for path in paths[:2]:
        with Image.open(path) as picture:
            assert picture.size == (800, 600)
    with paths[2].open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30
    precisions = [float(row["ap"]) for row in rows if row["counted"] == "yes"]
    assert np.mean(precisions) == pytest.approx(values(evaluator)["map"], abs=0.01)
    share = np.mean([row["first_right"] == "1" for row in rows if row["counted"] == "yes"])
    assert 100 * share == pytest.approx(values(evaluator)["rank1"])


def test_memory_is_that_of_the_embeddings():
    """5,000 embeddings of 64 numbers are 1.3 MB, their distances would be 100 MB."""
    vectors, labels = pictures(1, 5000, persons=1000, size=64)
    tracemalloc.start()
    evaluator = evaluated(vectors, labels, batch=64, bootstrap=0)
    gathered, _ = tracemalloc.get_traced_memory()
    evaluator.compute()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert gathered < 2 * vectors.nbytes
    assert peak < 40e6
