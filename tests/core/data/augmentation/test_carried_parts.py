"""Boxes, keypoints and masks go where the pixels go: properties of every function that moves them."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as reference

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.data.augmentation import OrderedFunctions
from zoo_core.data.augmentation.ordered import ON_PIXELS, ON_PLACES
from zoo_core.data.augmentation.warp import Filling, warp_boxes, warp_keypoints, warp_mask

HEIGHT, WIDTH = 48, 64
CANVAS = (HEIGHT, WIDTH)
BLOB = 3.0
"""Radius in pixels within which nearly all the brightness of a blob lies."""

small = st.floats(-0.25, 0.25)
OUTSIDE_IS_BLACK = {"fill_mode": "constant"}
MOVES = st.one_of(
    st.builds(
        lambda mode: {"random_flip": {"mode": mode, "change_rate": 1}},
        st.sampled_from(["horizontal", "vertical", "horizontal_and_vertical"]),
    ),
    st.builds(lambda x, y: {"random_translation": {"width_factor": (x, x), "height_factor": (y, y)}}, small, small),
    st.builds(lambda a: {"random_rotation": {"factor": (a, a)}}, st.floats(-0.5, 0.5)),
    st.builds(
        lambda a, axis: {"random_shear": {"factor": (a, a), "axis": axis}},
        st.floats(-0.5, 0.5),
        st.sampled_from(["x", "y", "xy"]),
    ),
    st.builds(lambda a: {"random_shear_x": {"factor": (a, a)}}, st.floats(-0.5, 0.5)),
    st.builds(lambda a: {"random_shear_y": {"factor": (a, a)}}, st.floats(-0.5, 0.5)),
    st.builds(lambda x, y: {"random_zoom": {"width_factor": (x, x), "height_factor": (y, y)}}, small, small),
    st.builds(lambda x: {"random_bounded_crop": {"width_factor": (x, x)}}, st.floats(-0.5, 0.25)),
    st.builds(
        lambda x, y: {"random_crop": {"crop_center_x": x, "crop_center_y": y, "change_rate": 1}},
        st.floats(0.2, 0.8),
        st.floats(0.2, 0.8),
    ),
)


def functions(listed, **options):
    for name, keys in listed.items():
        if name not in ("random_flip", "random_crop"):
            keys.update(OUTSIDE_IS_BLACK)
    return OrderedFunctions(OrderedFunctionsSection.model_validate(listed).functions, channels=1, **options)


def blob(x, y):
    """A soft spot around the middle of pixel (x, y), black elsewhere."""
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    squares = (columns - x) ** 2 + (rows - y) ** 2
    return tv_tensors.Image(torch.exp(-squares / (2 * (BLOB / 2.5) ** 2))[None])


def middle_of(image):
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    plain = image.as_subclass(torch.Tensor)[0]
    return (columns * plain).sum() / plain.sum(), (rows * plain).sum() / plain.sum()


@settings(max_examples=150)
@given(MOVES, st.integers(14, WIDTH - 15), st.integers(14, HEIGHT - 15), st.integers(0, 1000))
def test_keypoint_box_and_mask_follow_the_spot_they_mark(listed, x, y, seed):
    torch.manual_seed(seed)
    image = blob(x, y)
    sample = {
        "image": image,
        "points": tv_tensors.KeyPoints([[x, y]], canvas_size=CANVAS, dtype=torch.float32),
        "boxes": tv_tensors.BoundingBoxes(
            [[x - BLOB, y - BLOB, x + BLOB + 1, y + BLOB + 1]], format="XYXY", canvas_size=CANVAS
        ),
        "mask": tv_tensors.Mask((image[0] > 0.1).to(torch.uint8)),
        "label": 7,
        "scores": torch.tensor([1.0, 2.0]),
    }
    moved = functions(listed)(sample)
    assert moved["label"] == 7
    assert torch.equal(moved["scores"], sample["scores"])
    assert [type(moved[name]) for name in sample] == [type(part) for part in sample.values()]
    column, row = moved["points"][0].tolist()
    inside = 3 * BLOB <= column <= WIDTH - 1 - 3 * BLOB and 3 * BLOB <= row <= HEIGHT - 1 - 3 * BLOB
    assume(inside)
    assert middle_of(moved["image"]) == pytest.approx((column, row), abs=0.1)
    left, top, right, bottom = moved["boxes"][0].tolist()
    assert left < column + 0.5 < right
    assert top < row + 0.5 < bottom
    spot = moved["image"].as_subclass(torch.Tensor)[0]
    outside = spot.clone()
    outside[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 0
    assert outside.sum() < 0.02 * spot.sum()
    assert middle_of(moved["mask"][None].float()) == pytest.approx((column, row), abs=0.6)
    assert moved["mask"].dtype == torch.uint8


@settings(max_examples=60)
@given(MOVES, st.integers(0, 1000))
def test_box_is_the_smallest_around_its_moved_corners(listed, seed):
    """Every corner of the old box, moved as a keypoint, lies in the new box, and one touches each side."""
    x0, y0, x1, y1 = 20.0, 16.0, 44.0, 31.0
    corners = [[x, y] for x in (x0, x1) for y in (y0, y1)]
    torch.manual_seed(seed)
    boxes, points = functions(listed)(
        tv_tensors.BoundingBoxes([[x0, y0, x1, y1]], format="XYXY", canvas_size=CANVAS),
        tv_tensors.KeyPoints(torch.tensor(corners) - 0.5, canvas_size=CANVAS),
    )
    places = (points.as_subclass(torch.Tensor) + 0.5).clamp(torch.zeros(2), torch.tensor([WIDTH, HEIGHT]).float())
    wanted = torch.cat([places.amin(0), places.amax(0)])
    assert torch.allclose(boxes[0].as_subclass(torch.Tensor), wanted, atol=1e-3)


@settings(max_examples=40)
@given(MOVES, st.integers(0, 1000), st.sampled_from(["XYWH", "CXCYWH"]))
def test_boxes_of_every_format_move_alike(listed, seed, kind):
    boxes = tv_tensors.BoundingBoxes(
        [[20, 16, 44, 31], [2, 3, 60, 40]], format="XYXY", canvas_size=CANVAS, dtype=torch.float32
    )
    other = reference.convert_bounding_box_format(boxes, new_format=kind)
    found = []
    for given_boxes in (boxes, other):
        torch.manual_seed(seed)
        found.append(functions(listed)(given_boxes))
    assert found[1].format.name == kind
    assert torch.allclose(found[0], reference.convert_bounding_box_format(found[1], new_format="XYXY"), atol=1e-3)


@pytest.mark.parametrize("angle", [-0.4, -0.1, 0.05, 0.25])
def test_rotated_boxes_agree_with_torchvision(angle):
    boxes = tv_tensors.BoundingBoxes([[20, 16, 44, 31]], format="XYXY", canvas_size=CANVAS, dtype=torch.float32)
    moved = functions({"random_rotation": {"factor": (angle, angle)}})(boxes)
    assert torch.allclose(moved, reference.affine(boxes, -360 * angle, [0, 0], 1.0, [0, 0]), atol=1e-3)


@pytest.mark.parametrize("mode", ["horizontal", "vertical"])
def test_flips_agree_with_torchvision(mode):
    flip = reference.horizontal_flip if mode == "horizontal" else reference.vertical_flip
    sample = (
        tv_tensors.Image(torch.rand(1, *CANVAS)),
        tv_tensors.BoundingBoxes([[20, 16, 44, 31]], format="XYWH", canvas_size=CANVAS),
        tv_tensors.KeyPoints([[3, 5], [60, 40]], canvas_size=CANVAS),
        tv_tensors.Mask(torch.randint(5, CANVAS)),
    )
    moved = functions({"random_flip": {"mode": mode, "change_rate": 1}})(*sample)
    for part, before in zip(moved, sample, strict=True):
        assert torch.equal(part, flip(before))


def test_left_and_right_change_names_in_a_mirror_and_not_when_turned():
    points = tv_tensors.KeyPoints([[[10, 5], [20, 5], [30, 40]]], canvas_size=CANVAS, dtype=torch.float32)
    partners = (1, 0, 2)
    mirrored = functions({"random_flip": {"mode": "horizontal", "change_rate": 1}}, partners=partners)(points)
    assert mirrored.tolist() == [[[43.0, 5.0], [53.0, 5.0], [33.0, 40.0]]]
    upside_down = functions({"random_flip": {"mode": "vertical", "change_rate": 1}}, partners=partners)(points)
    assert upside_down.tolist() == [[[20.0, 42.0], [10.0, 42.0], [30.0, 7.0]]]
    turned = functions({"random_rotation": {"factor": (0.5, 0.5)}}, partners=partners)(points)
    assert torch.allclose(turned[0, 0], torch.tensor([53.0, 42.0]), atol=1e-4)


def test_points_that_leave_the_canvas_are_kept_and_boxes_are_cut_off():
    shift = functions({"random_translation": {"width_factor": (0.5, 0.5), "height_factor": (0, 0)}})
    points = shift(tv_tensors.KeyPoints([[60.0, 5.0]], canvas_size=CANVAS))
    boxes = shift(tv_tensors.BoundingBoxes([[20, 0, 50, 9], [50, 0, 60, 9]], format="XYXY", canvas_size=CANVAS))
    assert points.tolist() == [[92.0, 5.0]]
    assert boxes.tolist() == [[52, 0, 64, 9], [64, 0, 64, 9]]
    assert boxes.dtype == torch.int64


@pytest.mark.parametrize("fill_mode", ["reflect", "wrap", "nearest", "constant"])
def test_mask_holds_only_labels_that_it_had(fill_mode):
    mask = torch.randint(5, 9, (2, 8, 10), generator=torch.Generator().manual_seed(0))
    matrix = torch.tensor([[0.8, 0.3, 1.0], [-0.2, 1.1, 2.0], [0, 0, 1]], dtype=torch.float64)
    moved = warp_mask(mask, matrix, Filling(mode=fill_mode))
    assert moved.shape == mask.shape
    assert set(moved.unique().tolist()) <= {5, 6, 7, 8} | ({0} if fill_mode == "constant" else set())


def test_samples_without_boxes_or_points_of_no_object_pass():
    matrix = torch.eye(3, dtype=torch.float64)
    boxes = tv_tensors.BoundingBoxes(torch.empty(0, 4), format="XYXY", canvas_size=CANVAS)
    assert warp_boxes(boxes, matrix).shape == (0, 4)
    assert warp_keypoints(tv_tensors.KeyPoints(torch.empty(0, 17, 2), canvas_size=CANVAS), matrix).shape == (0, 17, 2)


def test_boxes_that_are_not_upright_are_refused():
    boxes = tv_tensors.BoundingBoxes([[20.0, 16.0, 5.0, 5.0, 30.0]], format="CXCYWHR", canvas_size=CANVAS)
    with pytest.raises(TypeError, match="CXCYWHR"):
        warp_boxes(boxes, torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("name", sorted(ON_PIXELS))
def test_functions_on_pixels_leave_places_alone(name):
    keys = {
        "random_gamma": {"gamma": (2, 2)},
        "random_gamma_adjust": {"gamma": (2, 2)},
        "random_hsv": {"hue_delta": 0.3, "saturation_delta": 0.3, "value_delta": 0.3},
        "random_posterize": {"bits": 2},
        "random_blur": {"filter_size": 3},
        "random_gaussian_noise": {"stddev": 0.2},
        "random_jpeg_quality": {"jpeg_quality": 10},
    }.get(name)
    if keys is None:
        takes = OrderedFunctionsSection.model_fields[name].annotation.__args__[0].model_fields
        keys = {key: 0.5 for key in ("factor", "delta") if key in takes}
    section = OrderedFunctionsSection.model_validate({name: keys | {"change_rate": 1}})
    image = tv_tensors.Image(torch.rand(3, *CANVAS) * 0.5 + 0.1)
    boxes = tv_tensors.BoundingBoxes([[20, 16, 44, 31]], format="XYXY", canvas_size=CANVAS)
    points = tv_tensors.KeyPoints([[3, 5]], canvas_size=CANVAS)
    mask = tv_tensors.Mask(torch.randint(5, CANVAS))
    changed, *others = OrderedFunctions(section.functions)(image, boxes, points, mask)
    assert isinstance(changed, tv_tensors.Image)
    assert not torch.equal(changed, image)
    assert all(torch.equal(after, before) for after, before in zip(others, (boxes, points, mask), strict=True))


def test_every_function_of_the_list_is_implemented_once():
    names = set(OrderedFunctionsSection.model_fields) - {"order", "random_periodic_resizing"}
    assert set(ON_PIXELS) | set(ON_PLACES) == names
    assert not set(ON_PIXELS) & set(ON_PLACES)
