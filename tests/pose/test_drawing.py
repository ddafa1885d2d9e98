"""Pictures of poses: what is drawn, where, and in which colour."""

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_pose.drawing import LEFT, MIDDLE, RIGHT, draw_labels, draw_poses, keypoint_colours, link_colours
from zoo_pose.labels import PoseLabels
from zoo_pose.skeletons import Skeleton, known

THREE = Skeleton(("nose", "left_eye", "right_eye"), ((0, 1), (0, 2), (1, 2)), ((1, 2),), (0.1, 0.1, 0.1))


def pixel(picture, x, y):
    return picture.getpixel((x, y))


def test_sides_of_known_bodies():
    colours = dict(zip(known(17).names, keypoint_colours(known(17)), strict=True))
    assert colours["nose"] == MIDDLE
    assert {colour for name, colour in colours.items() if name.startswith("left")} == {LEFT}
    assert {colour for name, colour in colours.items() if name.startswith("right")} == {RIGHT}
    links = dict(zip(known(17).links, link_colours(known(17)), strict=True))
    names = known(17).names
    for (start, end), colour in links.items():
        sides = {names[start].split("_")[0], names[end].split("_")[0]} - {"nose"}
        assert colour == {"left": LEFT, "right": RIGHT}[sides.pop()] if len(sides) == 1 else colour == MIDDLE


def test_sides_follow_from_mirror_pairs_where_names_say_nothing():
    assert keypoint_colours(Skeleton(("a", "b", "c"), (), ((2, 0),), (1, 1, 1))) == (RIGHT, MIDDLE, LEFT)
    assert keypoint_colours(Skeleton(("R-hip", "L-hip"), (), ((0, 1),), (1, 1))) == (RIGHT, LEFT)


def test_skeletons_without_sides_have_a_colour_for_each_keypoint():
    hand = known(21)
    assert len(set(keypoint_colours(hand))) == 21
    assert len(set(link_colours(hand))) == len(hand.links)


@pytest.mark.parametrize("size", [64, 192, 640, 2000])
def test_keypoints_and_links_lie_where_they_should(size):
    image = Image.new("RGB", (size, size))
    points = np.array([[[0.5, 0.25], [0.75, 0.75], [0.25, 0.75]]]) * size
    picture = draw_poses(image, points, np.ones((1, 3), bool), THREE)
    assert pixel(picture, size // 2, size // 4) == MIDDLE
    assert pixel(picture, 3 * size // 4, 3 * size // 4) == LEFT
    assert pixel(picture, size // 4, 3 * size // 4) == RIGHT
    drawn = np.asarray(picture)
    assert (drawn[size // 2, size // 2 :].astype(int) == LEFT).all(axis=1).any()
    assert (drawn[size // 2, : size // 2].astype(int) == RIGHT).all(axis=1).any()
    assert (drawn[3 * size // 4 - 2 : 3 * size // 4 + 2, size // 2] == MIDDLE).all(axis=1).any()
    assert 0.001 < drawn.any(axis=2).mean() < 0.15
    assert image.getbbox() is None


def test_links_of_keypoints_that_are_not_shown_are_left_out():
    points = np.array([[[100.0, 50], [150, 150], [50, 150]]])
    picture = np.asarray(draw_poses(Image.new("RGB", (200, 200)), points, [[True, False, True]], THREE))
    assert picture[45:55, 95:105].any()
    assert not picture[:, 130:].any()
    assert not np.asarray(draw_poses(Image.new("RGB", (200, 200)), points, [[False] * 3], THREE)).any()


def test_lines_of_small_poses_are_thin():
    small = np.array([[[100.0, 100], [120, 110], [110, 120]]])
    large = (small - 100) * 40 + 50
    shown = np.ones((1, 3), bool)
    counts = [
        np.asarray(draw_poses(Image.new("RGB", (1000, 1000)), points, shown, THREE)).any(axis=2).sum()
        for points in (small, large)
    ]
    assert counts[0] < 20 * 20
    assert counts[1] > 40 * counts[0]


def test_the_best_pose_lies_on_top():
    upright = Skeleton(("left_a", "left_b"), ((0, 1),), (), (1, 1))
    points = np.array([[[50.0, 10], [50, 90]], [[10, 50], [90, 50]]])
    skeleton = Skeleton(("left_a", "right_a"), ((0, 1),), ((0, 1),), (1, 1))
    assert pixel(draw_poses(Image.new("RGB", (100, 100)), points, np.ones((2, 2)), upright), 50, 50) == LEFT
    crossed = np.array([[[50.0, 50], [50, 90]], [[10, 50], [50, 50]]])
    assert pixel(draw_poses(Image.new("RGB", (100, 100)), crossed, np.ones((2, 2)), skeleton), 50, 49) == LEFT
    assert pixel(draw_poses(Image.new("RGB", (100, 100)), crossed[::-1], np.ones((2, 2)), skeleton), 50, 49) == RIGHT


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_points_far_outside_and_other_colours_do_not_matter(mode):
    points = np.array([[[-1e12, 5.0], [1e9, 1e9], [20, 20]]])
    picture = draw_poses(Image.new(mode, (40, 40)), points, np.ones((1, 3), bool), THREE)
    assert (picture.mode, picture.size) == ("RGB", (40, 40))
    assert pixel(picture, 20, 20) == RIGHT


def test_frames_with_their_texts_stay_on_the_picture():
    for box in ([10, 30, 60, 90], [0, 0, 100, 100], [90, 0, 100, 5]):
        plain = draw_poses(Image.new("RGB", (100, 100)), np.zeros((0, 3, 2)), [], THREE, boxes=[box], labels=[""])
        texted = draw_poses(Image.new("RGB", (100, 100)), np.zeros((0, 3, 2)), [], THREE, boxes=[box], labels=["87 %"])
        difference = np.asarray(texted).astype(int) != np.asarray(plain)
        assert difference.any(axis=2).sum() > 30
        assert pixel(plain, min(box[0], 99), min(box[1], 99)) == (255, 255, 255)


def true_poses(size, image):
    """Return two poses, one of them a crowd; the last keypoint of the first one is not labelled."""
    points = np.array([[[0.5, 0.25], [0.75, 0.75], [0, 0]], [[0.1, 0.1], [0.2, 0.2], [0.1, 0.2]]]) * size
    return PoseLabels(
        points=points,
        visible=np.array([[2, 1, 0], [2, 2, 2]]),
        boxes=np.array([[0.4, 0.2, 0.9, 0.8], [0.05, 0.05, 0.3, 0.3]]) * size,
        areas=np.ones(2),
        crowd=np.array([False, True]),
        width=image[0],
        height=image[1],
    )


@pytest.mark.parametrize("stored", [(400, 400), (200, 200), (100, 100)])
@pytest.mark.parametrize("shown", [200, 320])
def test_true_poses_on_what_the_model_sees(stored, shown):
    labels = true_poses(stored[0], stored)
    preprocessing = ImagePreprocessing(input=InputSpec(3, 200, 200))
    picture = draw_labels(Image.new("RGB", (shown, shown)), labels, THREE, preprocessing)
    assert pixel(picture, shown // 2, shown // 4) == MIDDLE
    assert pixel(picture, 3 * shown // 4, 3 * shown // 4) == LEFT
    drawn = np.asarray(picture)
    assert not drawn[-10:, :10].any()
    frame = drawn[round(0.5 * shown), round(0.4 * shown) - 1 : round(0.4 * shown) + 2]
    assert (frame == 255).all(axis=1).any()


def test_no_true_poses_draw_nothing():
    labels = true_poses(100, (100, 100)).chosen(np.zeros(2, bool))
    picture = draw_labels(Image.new("RGB", (64, 64)), labels, THREE, ImagePreprocessing(input=InputSpec(3, 64, 64)))
    assert picture.getbbox() is None
