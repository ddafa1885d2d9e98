"""Persons are told apart by what they wear, whatever the camera and the pose."""

from collections import Counter

import numpy as np
import pytest

from zoo_core.data.shapes.identities import Camera, draw_shot, shots, wardrobe
from zoo_core.data.shapes.people import CLOTHES, HAIRS
from zoo_core.data.shapes.plan import LIMITS, ShapesPlan


def draw(*seed):
    return np.random.default_rng(seed)


def nearest(colour, colours):
    return int(np.abs(np.array(colours) - np.array(colour)).sum(axis=1).argmin())


def worn(look):
    return nearest(look.shirt, CLOTHES), nearest(look.trousers, CLOTHES)


def test_no_two_persons_wear_the_same_while_there_are_other_clothes():
    pairs = [worn(look) for look in wardrobe(132, draw(0))]
    assert len(set(pairs)) == 132
    assert all(shirt != trousers for shirt, trousers in pairs)


def test_most_persons_differ_at_least_in_their_hair():
    looks = wardrobe(LIMITS["identities"][1], draw(0))
    assert len({(*worn(look), nearest(look.hair, HAIRS)) for look in looks}) == len(looks)


def test_too_many_persons_are_refused():
    with pytest.raises(ValueError, match="cannot be told apart"):
        wardrobe(12 * 11 * len(HAIRS) + 1, draw(0))


def test_shots_of_every_camera_go_where_they_belong():
    plan = ShapesPlan(identities=7)
    found = list(shots(plan))
    assert Counter(shot.folder for shot in found) == plan.crops
    assert plan.crops == {"train": 64, "query": 12, "gallery": 36}
    assert {shot.identity for shot in found if shot.folder == "train"} == {0, 1, 2, 3}
    assert {shot.identity for shot in found if shot.folder != "train"} == {4, 5, 6}
    assert len({shot.name for shot in found}) == len(found)
    assert found[0].name == "0001_c1_01.jpg"


def test_shots_of_a_person_differ_but_show_its_clothes():
    look = wardrobe(1, draw(2))[0]
    flat = Camera(gain=np.ones(3), place=Camera.draw(draw(3)).place)
    pictures = [np.asarray(draw_shot(look, flat, draw(4, index)), float) for index in range(6)]
    assert all(picture.shape == (128, 64, 3) for picture in pictures)
    for index, picture in enumerate(pictures):
        assert all(not np.array_equal(picture, other) for other in pictures[:index])
        near = np.abs(picture - look.shirt).max(axis=-1) < 60
        assert near.mean() > 0.02


def test_cameras_differ_in_their_light():
    look = wardrobe(1, draw(2))[0]
    bright, dark = (Camera(gain=np.full(3, gain), place=Camera.draw(draw(3)).place) for gain in (1.0, 0.5))
    means = [np.asarray(draw_shot(look, camera, draw(4))).mean() for camera in (bright, dark)]
    assert means[1] == pytest.approx(means[0] / 2, rel=0.05)
