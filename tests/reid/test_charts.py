"""What an evaluation of an embedder says of single pictures, and the numbers behind its curves."""

import math

import numpy as np
import pytest

from zoo_core.protocols import Charts, JudgesImages, KeepsOutputs
from zoo_reid.config import ReidPredictionSection
from zoo_reid.config.evaluation import ReidEvaluationSection
from zoo_reid.decoder import ReidDecoder
from zoo_reid.evaluator import ReidEvaluator
from zoo_reid.labels import PersonLabel, collate_persons

PICTURES = (
    ("gallery", "b", 1, 10),
    ("query", "a", 0, 0),
    ("gallery", "a", 1, 30),
    ("query", "b", 0, 0),
    ("gallery", "a", 2, 170),
    ("query", "c", 0, 90),
    ("gallery", "b", 0, 1),
)
"""Part in the search, person, camera, and direction of the embedding in degrees.

From 0 degrees the gallery is ranked b, b, a, a for the query a: the places of the right ones are 3 and 4. For b, the
nearest picture is by its own camera and does not count; the next one is right. Nobody else is c.
"""
SCORES = (math.nan, (1 / 3 + 2 / 4) / 2, math.nan, 1.0, math.nan, math.nan, math.nan)


def vectors(pictures):
    angles = np.radians([angle for *_, angle in pictures])
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def labels(pictures):
    return [PersonLabel(identity=person, camera=camera, role=role) for role, person, camera, _ in pictures]


def evaluator_of(pictures, batch=2, **options):
    evaluator = ReidEvaluator(ReidEvaluationSection(bootstrap=0, **options))
    for start in range(0, len(pictures), batch):
        part = pictures[start : start + batch]
        evaluator.update([vectors(part)], collate_persons(labels(part)))
    return evaluator


def names(pictures):
    return [f"{place}.png" for place in range(len(pictures))]


def answers(decoder, evaluator, chosen, pictures=PICTURES):
    """Return the records for some pictures, by their places."""
    places, outputs, targets = evaluator.outputs_for(chosen)
    decoder.gather(outputs, [names(pictures)[place] for place in places], targets, [(8, 8)] * len(places))
    return {int(record["image"].removesuffix(".png")): record for record in decoder.records()}


def test_scores_by_hand_in_the_order_of_the_pictures():
    evaluator = evaluator_of(PICTURES)
    assert isinstance(evaluator, JudgesImages)
    np.testing.assert_allclose(evaluator.image_scores(), SCORES)
    assert evaluator.right_images() == (False, False, False, True, False, False, False)
    assert evaluator.compute()[0].value == pytest.approx(100 * np.nanmean(SCORES))


def test_scores_after_more_pictures():
    """Measuring in between does not mix up the order."""
    evaluator = evaluator_of(PICTURES[:3])
    evaluator.compute()
    evaluator.update([vectors(PICTURES[3:])], collate_persons(labels(PICTURES[3:])))
    np.testing.assert_allclose(evaluator.image_scores(), SCORES)


@pytest.mark.parametrize("measured", [False, True])
def test_scores_of_other_processes_stand_one_after_the_other(measured):
    parts = [evaluator_of(PICTURES[:3]), evaluator_of(PICTURES[3:])]
    if measured:
        for part in parts:
            part.compute()
    merged = evaluator_of(())
    merged.merge([part.state() for part in reversed(parts)])
    np.testing.assert_allclose(merged.image_scores(), (*SCORES[3:], *SCORES[:3]))


def test_pictures_that_are_searched_for_among_each_other():
    pictures = [("both", person, -1, angle) for person, angle in (("b", 40), ("a", 0), ("b", 10), ("a", 60))]
    evaluator = evaluator_of(pictures)
    assert evaluator.image_scores() == pytest.approx((1 / 2, 1 / 3, 1 / 2, 1 / 3))
    assert evaluator.right_images() == (False, False, False, False)


def test_drawings_by_hand():
    evaluator = evaluator_of(PICTURES)
    assert isinstance(evaluator, Charts)
    ranks, distances = evaluator.drawings()
    assert (ranks.name, distances.name) == ("rank_curve", "distances")
    (curve,) = ranks.series
    assert curve.x == (1, 2, 3, 4)
    assert curve.y == (50, 50, 100, 100)
    assert ranks.percent
    assert distances.percent
    same, different = distances.series
    assert (same.label, different.label) == ("same person", "different persons")
    # right pairs: a with 30 and 170 degrees, b with 10; at distances of 0.134, 1.985 and 0.015
    assert [x for x, y in zip(same.x, same.y, strict=True) if y] == pytest.approx([0.015, 0.134, 1.985], abs=0.02)
    assert sum(same.y) == pytest.approx(100)
    assert sum(different.y) == pytest.approx(100)
    assert len(same.x) <= 101
    assert same.x == different.x


def test_a_long_gallery_is_drawn_to_rank_20():
    pictures = [("query", "a", 0, 0), *(("gallery", "a", 1, angle) for angle in range(30))]
    ranks, distances = evaluator_of(pictures).drawings()
    assert ranks.series[0].x == tuple(range(1, 21))
    assert [one.label for one in distances.series] == ["same person"]


def test_without_answers_there_is_nothing_to_draw():
    evaluator = evaluator_of([("query", "a", 0, 0), ("gallery", "b", 1, 0)])
    assert evaluator.drawings() == ()
    assert all(math.isnan(score) for score in evaluator.image_scores())


def test_answers_come_from_the_outputs_of_the_evaluation():
    evaluator = evaluator_of(PICTURES)
    assert isinstance(evaluator, KeepsOutputs)
    decoder = ReidDecoder(ReidPredictionSection(ranks=10), features=2).as_judged(evaluator)
    records = answers(decoder, evaluator, [1, 3])
    assert set(records) == {1, 3}
    assert [match["image"] for match in records[1]["matches"]] == ["6.png", "0.png", "2.png"]
    assert [match["right"] for match in records[3]["matches"]] == [True, False, False]
    assert decoder.sentence(records[1], labels(PICTURES)[1]) == "found b first (distance 0.00), is a"
    assert decoder.sentence(records[3], labels(PICTURES)[3]) == "found b first (distance 0.02), which is right"


def test_answers_follow_the_rules_of_the_evaluation():
    """Kept pictures by the same camera are found; the distance is that of the evaluation."""
    evaluator = evaluator_of(PICTURES, same_camera="keep", reid_distance_metric="euclidean")
    record = answers(ReidDecoder(features=2).as_judged(evaluator), evaluator, [3])[3]
    assert record["matches"][0]["image"] == "6.png"
    assert record["distance"] == pytest.approx(2 * math.sin(math.radians(0.5)), abs=1e-4)


def test_pictures_of_both_parts_answer_only_where_they_are_asked():
    pictures = [("both", "a", -1, 0), ("both", "b", -1, 5), ("both", "a", -1, 50)]
    evaluator = evaluator_of(pictures)
    records = answers(ReidDecoder(features=2).as_judged(evaluator), evaluator, [2], pictures)
    assert set(records) == {2}
    assert [match["image"] for match in records[2]["matches"]] == ["1.png", "0.png"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("same_camera", ["exclude", "keep"])
def test_the_first_answer_is_right_where_the_evaluation_says_so(seed, same_camera):
    generator = np.random.default_rng(seed)
    pictures = [
        (str(generator.choice(["query", "gallery", "both"])), str(generator.integers(5)), int(camera), angle)
        for camera, angle in zip(generator.integers(-1, 3, 60), generator.uniform(0, 90, 60), strict=True)
    ]
    evaluator = evaluator_of(pictures, same_camera=same_camera)
    chosen = [place for place, score in enumerate(evaluator.image_scores()) if not math.isnan(score)]
    records = answers(ReidDecoder(features=2).as_judged(evaluator), evaluator, chosen, pictures)
    assert [records[place]["right"] for place in chosen] == [evaluator.right_images()[place] for place in chosen]
    assert any(record["right"] for record in records.values())
