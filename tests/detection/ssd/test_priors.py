"""Prior boxes equal the usual table at 300 pixels and follow the maps at every other size."""

import itertools
import math

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_detection.models.priors import halved_maps, make_priors
from zoo_detection.models.ssd import ssd_priors

USUAL = [
    (19, 16, 60, 105),
    (10, 32, 105, 150),
    (5, 64, 150, 195),
    (3, 100, 195, 240),
    (2, 150, 240, 285),
    (1, 300, 285, 330),
]


def usual_table():
    """Return the table of MobileNet detectors at 300 pixels, from its printed numbers."""
    rows = []
    for cells, stride, small, large in USUAL:
        for row, column in itertools.product(range(cells), repeat=2):
            centre = [(column + 0.5) * stride / 300, (row + 0.5) * stride / 300]
            rows.append([*centre, small / 300, small / 300])
            rows.append([*centre, math.sqrt(small * large) / 300, math.sqrt(small * large) / 300])
            for ratio in (2, 3):
                rows.append([*centre, small / 300 * math.sqrt(ratio), small / 300 / math.sqrt(ratio)])
                rows.append([*centre, small / 300 / math.sqrt(ratio), small / 300 * math.sqrt(ratio)])
    return np.clip(rows, 0, 1)


def test_priors_at_300_pixels_are_the_usual_table():
    priors = ssd_priors("ssdlite_mobilenetv2_pt", InputSpec(3, 300, 300))
    assert priors.shape == (3000, 4)
    assert priors.dtype == np.float32
    np.testing.assert_allclose(priors, usual_table(), atol=1e-6)


@pytest.mark.parametrize(
    ("size", "maps"),
    [
        ((300, 300), [(19, 19), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1)]),
        ((192, 320), [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2), (1, 1)]),
        ((33, 16), [(3, 1), (2, 1), (1, 1), (1, 1), (1, 1), (1, 1)]),
    ],
)
def test_maps_are_halved_and_rounded_up(size, maps):
    assert list(halved_maps(InputSpec(3, *size))) == maps


@pytest.mark.parametrize(
    "name",
    ["ssd_mobilenetv1_pt", "ssdlite_mobilenetv2_pt", "ssdlite_mobilenetv3small_pt", "ssdlite_mobilenetv3large_pt"],
)
@pytest.mark.parametrize("size", [(300, 300), (100, 228), (65, 97)])
def test_rule_agrees_with_the_maps_that_the_network_computes(make, name, size):
    import torch

    with torch.no_grad():
        model = make(name, size=size)
        boxes, scores = model(torch.zeros(1, 3, *size))
    expected = ssd_priors(name, InputSpec(3, *size))
    assert boxes.shape[1] == scores.shape[1] == len(expected)
    np.testing.assert_array_equal(model.priors.numpy(), expected)


def test_squares_are_square_in_pixels_when_the_input_is_not():
    input = InputSpec(3, 100, 400)
    priors = make_priors(halved_maps(input), input)
    first = priors[: 7 * 25 * 6].reshape(7, 25, 6, 4)
    np.testing.assert_allclose(first[..., 0, 2] * 400, first[..., 0, 3] * 100, rtol=1e-5)
    np.testing.assert_allclose(first[0, 0, 0, 2] * 400, 0.2 * math.sqrt(100 * 400), rtol=1e-5)
    np.testing.assert_allclose(first[0, 3, :, 0], 3.5 * 16 / 400, rtol=1e-5)
    np.testing.assert_allclose(first[4, 0, :, 1], 4.5 * 16 / 100, rtol=1e-5)


def test_priors_of_a_timm_backbone_need_its_name():
    with pytest.raises(UserError, match=r"model\.backbone is missing"):
        ssd_priors("ssdlite", InputSpec(3, 96, 96))
    with pytest.raises(UserError, match="has its own backbone"):
        ssd_priors("ssdlite_mobilenetv2_pt", InputSpec(3, 96, 96), "resnet18")
    priors = ssd_priors("ssdlite", InputSpec(3, 300, 300), "resnet18")
    np.testing.assert_allclose(priors, usual_table(), atol=1e-6)
