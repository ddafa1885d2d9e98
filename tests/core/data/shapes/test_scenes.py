"""Boxes are tight around the pixels drawn, figures overlap little, and hidden keypoints are flagged."""

import dataclasses

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from pycocotools import mask as coco_mask

from zoo_core.data.shapes.backgrounds import Backdrop, background, grained
from zoo_core.data.shapes.canvas import ZOOM, covers, trace
from zoo_core.data.shapes.figures import coloured, simple_figure
from zoo_core.data.shapes.people import Look, person
from zoo_core.data.shapes.poses import draw_pose, pose_lines
from zoo_core.data.shapes.scenes import CLASSES, Stage, draw_scene, overlap

SIZE = 96
FLAT = Backdrop(light=np.full((2, 3), 128.0), angle=0.0, clouds=0.0, grain=0.0, clutter=0)
SAMPLES = 6


def draw(*seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(SIZE, draw(7, index)) for index in range(40)]


def coverage(figure):
    """Return which pixels are covered by half, by testing a grid of points in each of those around the figure."""
    left, top, right, bottom = (round(value) for value in np.add(figure.extent, (-2, -2, 2, 2)))
    columns, rows = (np.arange(one * SAMPLES, other * SAMPLES) for one, other in ((left, right), (top, bottom)))
    points = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    inside = np.any([Outline(part.outline).contains_points((points + 0.5) / SAMPLES) for part in figure.parts], axis=0)
    counts = np.zeros((SIZE + 4, SIZE + 4))
    pixels = points[inside] // SAMPLES + 2
    np.add.at(counts, (pixels[:, 1], pixels[:, 0]), 1)
    return counts[2:-2, 2:-2] >= SAMPLES**2 / 2


def ious(one, other):
    """Return the overlap of boxes (left, top, right, bottom) as pycocotools finds it."""
    found = [
        np.array([(x, y, right - x, bottom - y) for x, y, right, bottom in boxes], float) for boxes in (one, other)
    ]
    return coco_mask.iou(*found, [False] * len(other))


def test_covered_pixels_are_those_inside_the_outlines(scenes):
    agreements = []
    for placed in [placed for scene in scenes[:5] for placed in scene.placed]:
        expected = coverage(placed.figure)
        found = placed.trace.mask
        agreements.append((expected & found).sum() / (expected | found).sum())
        rows, columns = np.nonzero(expected)
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert np.abs(np.subtract(placed.trace.box, box)).max() <= 1
    assert min(agreements) > 0.85
    assert np.mean(agreements) > 0.93


def test_box_is_tight_around_what_the_figure_alone_changes_on_the_picture(scenes):
    for placed in [placed for scene in scenes for placed in scene.placed]:
        stage = Stage(SIZE, SIZE, FLAT, draw(0))
        stage.add(coloured(placed.figure, *[(255, 255, 255)] * len(placed.figure.parts)), placed.trace)
        changed = np.asarray(stage.finish().picture)[..., 0] >= 192  # half way from the grey to the white
        assert np.array_equal(changed, placed.trace.mask) or (changed != placed.trace.mask).sum() <= 2
        rows, columns = np.nonzero(changed)
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert np.abs(np.subtract(placed.trace.box, box)).max() <= 1


def test_figures_lie_inside_and_have_their_sizes(scenes):
    for scene in scenes:
        assert scene.picture.size == (SIZE, SIZE)
        assert scene.picture.mode == "RGB"
        for placed in scene.placed:
            left, top, right, bottom = placed.trace.box
            assert 0 <= left < right <= SIZE
            assert 0 <= top < bottom <= SIZE
            assert SIZE / 8 - 2 <= max(right - left, bottom - top) <= SIZE / 2 + 2


def test_figures_overlap_little_and_are_seen(scenes):
    for scene in scenes:
        boxes = [placed.trace.box for placed in scene.placed]
        assert (ious(boxes, boxes) - np.eye(len(boxes))).max() < 0.3
        for index, placed in enumerate(scene.placed):
            over = [other.trace.mask for other in scene.placed[index + 1 :]]
            seen = placed.trace.mask & ~np.any([np.zeros((SIZE, SIZE), bool), *over], axis=0)
            assert seen.sum() >= 0.75 * placed.trace.mask.sum()


def test_there_are_one_to_five_figures_of_all_classes(scenes):
    assert {len(scene.placed) for scene in scenes} == {1, 2, 3, 4, 5}
    assert {placed.figure.kind for scene in scenes for placed in scene.placed} == set(CLASSES)


def test_figures_differ_from_what_is_behind_them():
    for seed in range(20):
        stage = Stage(SIZE, SIZE, FLAT, draw(seed))
        figure = simple_figure("circle", draw(seed)).moved(40, 20, 20)
        found = trace(figure, SIZE, SIZE)
        assert stage.behind(found) == pytest.approx((128, 128, 128))
        stage.add(coloured(figure, (10, 200, 30), (10, 200, 30)), found)
        assert stage.behind(found) == pytest.approx((10, 200, 30), abs=12)


@pytest.mark.parametrize("one", [(0, 0, 4, 4), (1, 2, 3, 9), (10, 10, 20, 20), (4, 0, 8, 4)])
def test_overlap_is_that_of_pycocotools(one):
    other = (2, 1, 6, 5)
    assert overlap(one, other) == pytest.approx(ious([one], [other]).item())


def test_later_figure_hides_keypoints_and_nothing_else():
    figure = person(Look.draw(draw(1)), draw(2)).moved(70, 10, 10)
    before, after = Stage(SIZE, SIZE, FLAT, draw(0)), Stage(SIZE, SIZE, FLAT, draw(0))
    for stage in (before, after):
        stage.add(figure, trace(figure, SIZE, SIZE))
    ankle = figure.keypoints[15]
    cover = simple_figure("square", draw(3)).moved(20, *(ankle - 10))
    covered = trace(cover, SIZE, SIZE)
    after.add(cover, covered)
    flags = [stage.finish().placed[0].visibility for stage in (before, after)]
    assert flags[0][15] == 2
    assert flags[1][15] == 1
    hidden = covers(covered.mask, figure.keypoints)
    assert hidden.sum() < 17
    for point in range(17):
        expected = 1 if hidden[point] and flags[0][point] else flags[0][point]
        assert flags[1][point] == expected


def the_person(scene):
    (found,) = [placed for placed in scene.placed if placed.figure.kind == "person"]
    return found


def test_others_stand_behind_the_person_more_often_than_in_front():
    scenes = [draw_pose(SIZE, draw(9, index)) for index in range(60)]
    places = [[placed.figure.kind for placed in scene.placed] for scene in scenes]
    behind = sum(kinds.index("person") for kinds in places)
    in_front = sum(len(kinds) - 1 - kinds.index("person") for kinds in places)
    assert behind > in_front > 0


def test_arm_behind_the_body_is_hidden():
    flags = np.array([the_person(draw_pose(SIZE, draw(4, index))).visibility for index in range(40)])
    assert set(np.unique(flags)) == {0, 1, 2}
    assert set(np.unique(flags[:, 5:])) == {1, 2}
    assert (flags == 2).mean() > 0.6


def test_points_outside_or_unlabelled_are_not_covered():
    mask = np.zeros((4, 6), bool)
    mask[1, 5] = True
    points = np.array([[5.4, 1.9], [4.9, 1.5], [9.0, 1.0], [np.nan, np.nan]])
    assert covers(mask, points).tolist() == [True, False, True, False]  # the third is moved to the border


def test_pose_line_states_box_and_points_in_shares():
    scene = draw_pose(SIZE, draw(11))
    placed = the_person(scene)
    (line,) = pose_lines(scene).splitlines()
    numbers = [float(word) for word in line.split(" ")]
    assert len(numbers) == 56
    left, top, right, bottom = placed.trace.box
    cx, cy, width, height = (number * SIZE for number in numbers[1:5])
    assert (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2) == pytest.approx(
        (left, top, right, bottom), abs=1e-3
    )
    points = np.array(numbers[5:]).reshape(17, 3)
    for (x, y, flag), visibility, point in zip(points, placed.visibility, placed.figure.keypoints, strict=True):
        assert flag == (visibility > 0)
        expected = point if flag else (0, 0)
        assert (x * SIZE, y * SIZE) == pytest.approx(expected, abs=1e-3)


def test_background_follows_its_gradient():
    place = dataclasses.replace(FLAT, light=np.array([[10.0] * 3, [210.0] * 3]))
    pixels = np.asarray(background(place, 40, 20, draw(0)))
    assert pixels.shape == (20 * ZOOM, 40 * ZOOM, 3)
    assert (np.diff(pixels[0, :, 0].astype(int)) >= 0).all()
    assert pixels[:, 0].max() < 20
    assert pixels[:, -1].min() > 200


def test_grain_has_the_deviation_asked_for():
    place = dataclasses.replace(FLAT, grain=8.0)
    picture = grained(background(FLAT, 60, 60, draw(0)), place, draw(1))
    assert np.asarray(picture, float).std() == pytest.approx(8, rel=0.05)


def test_same_seed_draws_the_same_scene():
    one, again, other = (np.asarray(draw_scene(SIZE, draw(seed)).picture) for seed in (5, 5, 6))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
