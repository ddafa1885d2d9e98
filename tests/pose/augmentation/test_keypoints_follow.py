"""Keypoints move with the pixels under every function that moves pixels, and stay under every other one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from zoo_core.data.augmentation.ordered import ON_PIXELS, ON_PLACES
from zoo_core.data.seeding import seed_everything
from zoo_core.protocols import Sample

BLACK = {"fill_mode": "constant", "change_rate": 1.0}
PLACES = {
    "horizontal": {"random_flip": {"mode": "horizontal", "change_rate": 1.0}},
    "vertical": {"random_flip": {"mode": "vertical", "change_rate": 1.0}},
    "both": {"random_flip": {"mode": "horizontal_and_vertical", "change_rate": 1.0}},
    "translation": {"random_translation": {"width_factor": 0.3, "height_factor": 0.3, **BLACK}},
    "rotation": {"random_rotation": {"factor": 0.5, **BLACK}},
    "nearest": {"random_rotation": {"factor": 0.5, "interpolation": "nearest", **BLACK}},
    "shear": {"random_shear": {"factor": 0.4, **BLACK}},
    "shear x": {"random_shear_x": {"factor": 0.5, **BLACK}},
    "shear y": {"random_shear_y": {"factor": 0.5, **BLACK}},
    "zoom": {"random_zoom": {"width_factor": 0.3, **BLACK}},
    "zoom each": {"random_zoom": {"width_factor": (-0.4, 0.3), "height_factor": (-0.2, 0.4), **BLACK}},
    "bounded crop": {"random_bounded_crop": {"width_factor": (-0.4, 0.1), **BLACK}},
    "crop": {"random_crop": {"change_rate": 1.0}},
    "several": {
        "random_flip": {"mode": "horizontal_and_vertical", "change_rate": 0.5},
        "random_rotation": {"factor": 0.2, **BLACK},
        "random_brightness": {"factor": (0.0, 0.02), "change_rate": 1.0},
        "random_translation": {"width_factor": 0.1, "height_factor": 0.1, **BLACK},
        "random_shear": {"factor": 0.2, "axis": "x", **BLACK},
        "random_zoom": {"width_factor": 0.2, **BLACK},
    },
}
DRAWN = ("both", "several")
"""Changes that may mirror or not."""
SEEDS = range(12)


def orientation(places):
    """Return the sign of the turn through three places."""
    (ax, ay), (bx, by), (cx, cy) = places
    return np.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))


def widest(places):
    """Return the three keypoints that make the largest triangle."""
    keys = sorted(places)
    triples = [(a, b, c) for a in keys for b in keys for c in keys if a < b < c]

    def area(triple):
        one, two, three = (places[key] for key in triple)
        return abs(np.linalg.det(np.stack([two - one, three - one])))

    return max(triples, key=area, default=())


def looked_at(dotted, name, seed):
    """Return labels, moved labels, where whole dots are, and whether the picture is mirrored, None if it shows too few.

    Three dots show it: a mirror changes the sense in which one goes round them.
    """
    labels = dotted.labels(seed)
    seed_everything(1000 + seed)
    tensor, moved = dotted.transform(PLACES[name])(dotted.sample(labels))
    assert moved.size == dotted.size
    before = {key: labels.points[0, key] for key in range(6) if labels.visible[0, key]}
    after = dotted.find(tensor)
    whole = {key: place for key, place in after.items() if dotted.middle(place, moved.size)}
    chosen = widest(whole)
    if not chosen:
        return labels, moved, whole, None
    senses = [orientation([places[key] for key in chosen]) for places in (before, whole)]
    return labels, moved, whole, senses[0] != senses[1]


def test_the_list_of_functions_is_whole():
    used = {function for functions in PLACES.values() for function in functions if function in ON_PLACES}
    assert used == set(ON_PLACES)


@pytest.mark.parametrize("name", PLACES)
def test_dots_are_where_their_labels_say(dotted, name):
    """A dot of a mirrored picture is that of the partner: what was left is right."""
    compared = 0
    for seed in SEEDS:
        labels, moved, whole, mirrored = looked_at(dotted, name, seed)
        if name not in DRAWN:
            mirrored = name in ("horizontal", "vertical")
        if not len(moved) or mirrored is None:
            continue
        for key, place in whole.items():
            called = dotted.partners[key] if mirrored else key
            assert moved.visible[0, called] == labels.visible[0, key], (name, seed, key)
            assert np.abs(moved.points[0, called] - place).max() < (1.0 if name == "nearest" else 0.5), (name, seed)
            compared += 1
    assert compared > len(SEEDS)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("horizontal", {True}), ("vertical", {True}), ("rotation", {False}), ("shear", {False}), ("both", {False, True})],
)
def test_pictures_are_mirrored_by_flips_only(dotted, name, wanted):
    """Both flips at once are half a turn, which mirrors nothing."""
    assert {looked_at(dotted, name, seed)[3] for seed in SEEDS} - {None} == wanted


@pytest.mark.parametrize("name", PLACES)
def test_visibility_is_carried_exactly(dotted, name):
    """No keypoint gets a label that it had not; 1 stays 1 and 2 stays 2, in every pose."""
    for seed in SEEDS:
        labels = dotted.labels(seed, poses=3)
        seed_everything(seed)
        _, moved = dotted.transform(PLACES[name])(dotted.sample(labels))
        partners = np.array(dotted.partners)
        for row in range(len(moved)):
            sources = [
                source
                for origin in range(3)
                for source in (labels.visible[origin], labels.visible[origin][partners])
                if ((moved.visible[row] == source) | (moved.visible[row] == 0)).all()
            ]
            assert sources, (name, seed, moved.visible[row])
        assert (moved.points[moved.visible == 0] == 0).all()


@pytest.mark.parametrize("value", [1, 2])
def test_a_pose_of_one_visibility_keeps_it(dotted, value):
    labels = dotted.labels(4)
    labels.visible[labels.visible > 0] = value
    _, moved = dotted.transform(PLACES["horizontal"])(dotted.sample(labels))
    assert sorted(moved.visible[0]) == sorted(labels.visible[0])


@pytest.mark.parametrize("name", [name for name in PLACES if name not in ("horizontal", "vertical", "both")])
def test_what_leaves_the_picture_is_not_labelled(dotted, name):
    """Labelled are exactly those keypoints that the picture shows, also when others have left it."""
    shown = gone = 0
    for seed in range(20):
        labels = dotted.labels(seed)
        seed_everything(seed)
        tensor, moved = dotted.transform(PLACES[name])(dotted.sample(labels))
        places = dotted.find(tensor)
        width, height = moved.size
        if not len(moved):
            assert not any(dotted.middle(place, moved.size) for place in places.values())
            continue
        points, visible = moved.points[0], moved.visible[0] > 0
        assert ((points >= 0) & (points <= (width, height))).all()
        assert visible.sum() <= len(places)
        shown += int(visible.sum())
        gone += int((labels.visible[0] > 0).sum() - visible.sum())
    assert shown > 0
    assert gone > 0 or name == "several"


@pytest.mark.parametrize("name", PLACES)
def test_boxes_hold_the_labelled_points(dotted, name):
    for seed in SEEDS:
        labels = dotted.labels(seed, poses=2)
        seed_everything(seed)
        _, moved = dotted.transform(PLACES[name])(dotted.sample(labels))
        ends = np.array(moved.size * 2)
        assert (moved.boxes >= 0).all()
        assert (moved.boxes <= ends).all()
        for points, visible, box in zip(moved.points, moved.visible, moved.boxes, strict=True):
            kept = points[visible > 0]
            assert (kept >= box[:2] - 1e-6).all()
            assert (kept <= box[2:] + 1e-6).all()


COLOURS = {
    "random_contrast": {"factor": 0.4},
    "random_brightness": {"factor": 0.3},
    "random_gamma": {"gamma": (0.5, 2.0)},
    "random_gamma_adjust": {"gamma": (0.5, 2.0)},
    "random_hue": {"delta": 0.1},
    "random_saturation": {"delta": 0.2},
    "random_value": {"delta": 0.2},
    "random_hsv": {"hue_delta": 0.1, "saturation_delta": 0.2, "value_delta": 0.2},
    "random_rgb_to_hsv": {},
    "random_rgb_to_grayscale": {},
    "random_invert": {},
    "random_solarize": {},
    "random_equalize": {},
    "random_autocontrast": {},
    "random_sharpness": {"factor": 0.5},
    "random_posterize": {"bits": (2, 4)},
    "random_blur": {"filter_size": (2, 4)},
    "random_gaussian_noise": {"stddev": 0.1},
    "random_jpeg_quality": {"jpeg_quality": (20, 60)},
    "random_rectangle_erasing": {"nrec": 1, "area": 0.1, "wh_ratio": 1.0},
    "random_grid_cell_erasing": {},
}
OF_ONE_PIXEL = [name for name in list(COLOURS)[:16] if name != "random_sharpness"]
"""Functions that treat a pixel by its own value, so that a plain background stays plain."""


def test_the_list_of_colours_is_whole():
    assert set(COLOURS) == set(ON_PIXELS)


@pytest.mark.parametrize("name", COLOURS)
def test_labels_stay_where_only_colours_change(dotted, name):
    labels = dotted.labels(3, poses=2)
    pixels = np.array(dotted.picture(labels, 200))
    pixels[:, 100:] |= 60
    sample = Sample(Image.fromarray(pixels), labels, "dots.png")
    plain = dotted.transform({})(sample)[0]
    changed = 0
    for seed in range(5):
        seed_everything(seed)
        tensor, moved = dotted.transform({name: {**COLOURS[name], "change_rate": 1.0}})(sample)
        for part in ("points", "visible", "boxes", "areas"):
            np.testing.assert_allclose(getattr(moved, part), getattr(labels, part), atol=1e-9, err_msg=name)
        changed += not torch.equal(tensor, plain)
        if name in OF_ONE_PIXEL:
            background = tensor[:, (plain == 0).all(dim=0)]
            assert (background == background[:, :1]).all(), name
    assert changed > 0
