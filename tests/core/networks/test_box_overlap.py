"""Intersection over union: by hand, against torchvision, and gradients that stay finite."""

import pytest
import torch
from torchvision.ops import box_iou

from zoo_core.networks.box_overlap import overlap


def test_overlap_is_that_of_the_hand_computed_squares():
    """Two 2x2 squares that share one pixel of seven; then one inside the other; then apart."""
    left = torch.tensor([[0.0, 0, 2, 2], [0, 0, 4, 4], [0, 0, 1, 1]])
    right = torch.tensor([[1.0, 1, 3, 3], [1, 1, 3, 3], [5, 5, 6, 6]])
    assert overlap(left, right).tolist() == pytest.approx([1 / 7, 4 / 16, 0])


def test_overlap_of_every_pair_equals_torchvision():
    corners = torch.rand(2, 30, 2) * 50
    left, right = torch.cat((corners, corners + torch.rand(2, 30, 2) * 40), dim=-1)
    assert torch.allclose(overlap(left[:, None], right[None]), box_iou(left, right), atol=1e-6)


def test_gradient_is_finite_also_for_empty_boxes():
    box = torch.tensor([[1.0, 1, 1, 1]], requires_grad=True)
    overlap(box, torch.tensor([[1.0, 1, 1, 1]])).sum().backward()
    assert box.grad.isfinite().all()
