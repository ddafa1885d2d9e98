"""Bones keep their lengths in every pose, left is the person's left, and what is hidden is said to be."""

import numpy as np
import pytest
from matplotlib.path import Path as Outline

from zoo_core.data.shapes.people import Look, person
from zoo_core.data.shapes.skeleton import BONES, HEAD, KEYPOINTS, Build, pose

NAMES = {name: number for number, name in enumerate(KEYPOINTS)}


def draw(seed):
    return np.random.default_rng(seed)


def test_bones_keep_their_lengths():
    for seed in range(50):
        build = Build.draw(draw(seed))
        points, _ = pose(build, draw(seed))
        for side in ("left", "right"):
            joints = [
                points[NAMES[f"{side}_{name}"]] for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
            ]
            lengths = np.linalg.norm(np.diff(joints, axis=0), axis=1)[[0, 1, 3, 4]]
            assert lengths == pytest.approx([build.arm, build.arm, build.leg, build.leg])
        assert np.linalg.norm(points[5] - points[6]) == pytest.approx(2 * build.shoulders)


def test_left_of_who_looks_at_the_viewer_is_on_the_right():
    looking = 0
    for seed in range(200):
        build = Build.draw(draw(seed))
        points, labelled = pose(build, draw(seed))
        depth = (points[NAMES["nose"], 2] - points[HEAD, 2]) / build.head
        if depth > 0.72:
            looking += 1
            assert points[NAMES["left_shoulder"], 0] > points[NAMES["right_shoulder"], 0]
            assert points[NAMES["left_hip"], 0] > points[NAMES["right_hip"], 0]
        assert labelled[NAMES["nose"]] == (depth > 0)
        assert labelled[5:].all()
    assert looking > 40


def test_calm_person_has_its_arms_down_and_its_head_up():
    for seed in range(50):
        points, _ = pose(Build.draw(draw(seed)), draw(seed), calm=True)
        height = points[:, 1]
        assert height[[NAMES["left_elbow"], NAMES["right_elbow"]]].min() > height[[5, 6]].max() - 0.05
        assert height[HEAD] < height[5:17].min()


def test_bones_name_joints_that_are_next_to_each_other():
    names = {frozenset({KEYPOINTS[one - 1], KEYPOINTS[other - 1]}) for one, other in BONES}
    assert len(names) == len(BONES) == 19
    assert frozenset({"left_knee", "left_ankle"}) in names
    assert frozenset({"right_elbow", "right_wrist"}) in names
    assert frozenset({"left_shoulder", "right_shoulder"}) in names


def test_labelled_keypoints_lie_on_the_figure_and_the_box():
    for seed in range(60):
        figure = person(Look.draw(draw(seed)), draw(seed + 1000))
        assert figure.extent[:2] == pytest.approx((0, 0))
        outlines = [Outline(part.outline) for part in figure.parts]
        for point in figure.keypoints:
            if not np.isnan(point[0]):
                assert any(outline.contains_point(point, radius=1e-3) for outline in outlines)


def test_clothes_show_their_colours():
    look = Look.draw(draw(5))
    colours = {part.colour for part in person(look, draw(6)).parts}
    assert {look.shirt, look.skin, look.hair, look.shoes} <= colours
    assert any(np.abs(np.subtract(colour, look.trousers)).max() <= 18 for colour in colours)
