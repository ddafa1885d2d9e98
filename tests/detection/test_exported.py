"""Decoding inside a graph gives the boxes that the readers of raw outputs give; names of outputs are those promised."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zoo_core.artifacts import InputSpec
from zoo_detection.exported import DecodedSsd, DecodedYolod, RawDetector, decoded
from zoo_detection.families.ssd import SsdFamily
from zoo_detection.families.st_yolod import StYolodFamily
from zoo_detection.models.priors import halved_maps, make_priors

INPUT = InputSpec(3, 64, 96)
CLASSES = 3
STRIDES = (8, 16, 32)
CELLS = 8 * 12 + 4 * 6 + 2 * 3


class Constant(nn.Module):
    """Give the same outputs whatever the images are."""

    def __init__(self, *outputs: torch.Tensor) -> None:
        super().__init__()
        self.outputs = outputs
        self.strides = STRIDES

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.outputs


def by_score(found):
    """Return boxes with their scores and classes, highest score first."""
    order = np.argsort(-found.scores, kind="stable")
    return found.boxes[order], found.scores[order], found.classes[order]


def assert_same(one, other):
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        for left, right in zip(by_score(mine), by_score(theirs), strict=True):
            np.testing.assert_allclose(left, right, rtol=2e-5, atol=2e-3)


def yolod_outputs():
    torch.manual_seed(3)
    return torch.randn(2, CELLS, 4), torch.randn(2, CELLS, 1), 2 * torch.randn(2, CELLS, CLASSES)


def test_st_yolod_inside_equals_outside():
    raw = yolod_outputs()
    inside = decoded(Constant(*raw), "st_yolod", INPUT)
    assert isinstance(inside, DecodedYolod)
    outputs = inside(torch.zeros(2, *INPUT.shape))
    assert inside.output_names == ("boxes", "scores")
    family = StYolodFamily(INPUT, CLASSES)
    assert family.check([tuple(output.shape) for output in outputs]) == ()
    found = family.candidates([output.numpy() for output in outputs], 0.05)
    assert_same(found, family.candidates([output.numpy() for output in raw], 0.05))
    assert min(map(len, found)) > 20


def test_a_cell_of_st_yolod_by_hand():
    """Row 1, column 4 of the second grid: cells of 16 pixels, after the 96 cells of the first."""
    boxes, objectness, classes = torch.zeros(1, CELLS, 4), torch.zeros(1, CELLS, 1), torch.zeros(1, CELLS, CLASSES)
    cell = 8 * 12 + 6 * 1 + 4
    boxes[0, cell] = torch.tensor([0.25, -0.5, np.log(2.0), np.log(3.0)])
    classes[0, cell, 2] = np.log(3.0)
    found, scores = DecodedYolod(Constant(boxes, objectness, classes), STRIDES, INPUT)(torch.zeros(1, *INPUT.shape))
    centre_x, centre_y, width, height = (4 + 0.25) * 16, (1 - 0.5) * 16, 32, 48
    wanted = [
        (centre_x - width / 2) / 96,
        (centre_y - height / 2) / 64,
        (centre_x + width / 2) / 96,
        (centre_y + height / 2) / 64,
    ]
    assert found[0, cell].tolist() == pytest.approx(wanted)
    assert scores[0, cell].tolist() == pytest.approx([0.25, 0.25, 0.5 * 0.75])


def test_ssd_inside_equals_outside():
    priors = make_priors(halved_maps(INPUT), INPUT)
    torch.manual_seed(4)
    raw = torch.randn(2, len(priors), 4), 3 * torch.randn(2, len(priors), CLASSES + 1)
    network = Constant(*raw)
    network.register_buffer("priors", torch.from_numpy(priors))
    inside = decoded(network, "ssd", INPUT)
    assert isinstance(inside, DecodedSsd)
    outputs = inside(torch.zeros(2, *INPUT.shape))
    family = SsdFamily(INPUT, CLASSES, priors=priors)
    assert family.check([tuple(output.shape) for output in outputs]) == ()
    found = family.candidates([output.numpy() for output in outputs], 0.3)
    assert_same(found, family.candidates([output.numpy() for output in raw], 0.3))
    assert min(map(len, found)) > 20


def test_a_prior_of_ssd_by_hand():
    prior = torch.tensor([[0.5, 0.25, 0.2, 0.4]])
    network = Constant(torch.tensor([[[1.0, -2.0, 5 * np.log(2.0), 0.0]]]), torch.tensor([[[0.0, np.log(2.0), 0.0]]]))
    network.register_buffer("priors", prior)
    boxes, scores = DecodedSsd(network, prior)(torch.zeros(1, *INPUT.shape))
    centre_x, centre_y = 0.5 + 0.1 * 1.0 * 0.2, 0.25 - 0.1 * 2.0 * 0.4
    assert boxes[0, 0].tolist() == pytest.approx([centre_x - 0.2, centre_y - 0.2, centre_x + 0.2, centre_y + 0.2])
    assert scores[0, 0].tolist() == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize(
    ("outputs", "names"), [(3, ("boxes", "objectness", "classes")), (2, ("boxes", "scores")), (0, ())]
)
def test_raw_outputs_have_names(outputs, names):
    raw = yolod_outputs()
    model = RawDetector(Constant(*raw), outputs)
    assert model.output_names == names
    assert all(torch.equal(one, other) for one, other in zip(model(torch.zeros(1)), raw, strict=True))
