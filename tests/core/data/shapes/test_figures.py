"""Outlines are what their names say, and those around discs are convex hulls as scipy finds them."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from zoo_core.data.shapes.figures import KINDS, coloured, framed, rounded, shaded, simple_figure


def area(outline):
    x, y = outline.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def hull_area(points):
    return ConvexHull(points).volume  # of a flat hull, this is its area


def draw(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_frame_is_filled_and_left_nowhere(kind):
    for seed in range(20):
        left, top, right, bottom = simple_figure(kind, draw(seed)).extent
        assert (left, top) == pytest.approx((0, 0))
        assert max(right, bottom) == pytest.approx(1)


def test_outlines_have_the_areas_of_geometry():
    for seed in range(20):
        circle, square, triangle, star, cross = (simple_figure(kind, draw(seed)).parts[0].outline for kind in KINDS)
        assert area(circle) == pytest.approx(np.pi / 4, rel=0.01)
        sides = np.linalg.norm(square - np.roll(square, 1, axis=0), axis=1)
        assert sides == pytest.approx(np.full(4, sides[0]))
        assert area(square) == pytest.approx(sides[0] ** 2)
        assert len(triangle) == 3
        assert len(star) == 10
        assert area(star) < 0.6 * hull_area(star)
        assert len(cross) == 12
        assert area(cross) < 0.95 * hull_area(cross)


def test_rim_lies_around_the_inner_part():
    rimmed = [figure for seed in range(40) if len((figure := simple_figure("square", draw(seed))).parts) == 2]
    assert 5 < len(rimmed) < 30
    for figure in rimmed:
        outer, inner = (part.outline for part in figure.parts)
        assert area(inner) < area(outer)
        assert hull_area(np.concatenate([outer, inner])) == pytest.approx(area(outer))


def test_moved_figure_is_enlarged_first_and_keeps_its_colours():
    figure = coloured(simple_figure("circle", draw(0)), (1, 2, 3), (4, 5, 6))
    moved = figure.moved(10, 3, 4)
    assert moved.extent == pytest.approx((3, 4, 13, 14), abs=0.2)
    assert moved.parts[0].colour == (1, 2, 3)
    assert framed(moved).extent == pytest.approx(figure.extent)


def test_outline_around_discs_is_their_convex_hull():
    for seed in range(20):
        centres, radii = draw(seed).normal(size=(4, 2)), draw(seed).uniform(0.1, 1, 4)
        angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        rims = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None, None] + centres[:, None]
        outline = rounded(centres, radii, corners=200)
        assert area(outline) == pytest.approx(hull_area(rims.reshape(-1, 2)), rel=2e-3)
        assert area(outline) == pytest.approx(hull_area(outline))  # convex


def test_rounded_outline_of_two_discs_has_the_area_of_a_stadium():
    outline = rounded([(0, 0), (3, 0)], [0.5, 0.5], corners=96)
    assert area(outline) == pytest.approx(3 + np.pi / 4, rel=0.01)


def test_shades_stay_colours():
    assert shaded((250, 100, 5), 60) == (255, 160, 65)
    assert shaded((250, 100, 5), -60) == (190, 40, 0)
