"""Weights without their classifier: what stays, what is said, and a training that starts from them."""

from pathlib import Path

import torch
from torch import nn

from zoo_core.training.checkpoint import load_into, read_weights, save_weights
from zoo_core.training.headless import is_headless, save_headless


def network(classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, classes))


def test_everything_but_the_classifier_is_kept(tmp_path: Path) -> None:
    model = network(7)
    description = {"class_names": ["a", "b"], "input": [3, 8, 4]}
    save_weights(tmp_path / "whole.pt", model, description)
    path = save_headless(tmp_path / "whole.pt", tmp_path / "best_model.pt", model)
    weights = read_weights(path)
    assert set(weights.state_dict) == set(model.state_dict()) - {"2.weight", "2.bias"}
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in weights.state_dict.items())
    assert weights.metadata == {"class_names": [], "input": [3, 8, 4], "headless": True}
    assert is_headless(weights.metadata)
    assert not is_headless(read_weights(tmp_path / "whole.pt").metadata)
    load_into(model[:2], weights.state_dict, path)
