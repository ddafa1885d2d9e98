"""Suppression without classes keeps what torchvision keeps."""

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from zoo_core.inference.suppression import best_boxes


@pytest.mark.parametrize(("count", "limit"), [(0, 5), (1, 5), (40, 40), (2000, 2000), (2000, 7)])
def test_boxes_of_one_class_equal_nms_of_torchvision(count, limit):
    generator = np.random.default_rng(count)
    corners = generator.uniform(0, 300, (count, 2))
    boxes = np.concatenate([corners, corners + generator.uniform(20, 70, (count, 2))], axis=1).astype(np.float32)
    scores = generator.uniform(0, 1, count).astype(np.float32)
    wanted = nms(torch.from_numpy(boxes).double(), torch.from_numpy(scores).double(), 0.4)[:limit]
    assert best_boxes(boxes, scores, overlap=0.4, limit=limit).tolist() == wanted.tolist()
    assert best_boxes(boxes, scores, overlap=0.4, limit=0).tolist() == []
