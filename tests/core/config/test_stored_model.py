"""Weights say the structure of their network where the `model` section is silent."""

import json

import pytest
import torch

WIDE = {"model_name": "acme_net", "alpha": 0.25, "pretrained": True}
RUN = "operation_mode: benchmarking\nbenchmarking: {board: host}\n"


@pytest.fixture
def weights(tmp_path):
    def save(model):
        description = json.dumps({"use_case": "counting", "model_name": "acme_net", "model": model})
        torch.save({"state_dict": {"w": torch.zeros(1)}, "zoo": description}, tmp_path / "own.pt")

    return save


def test_a_key_of_the_model_comes_from_its_weights_and_is_told(load, weights):
    weights(WIDE)
    loaded = load(f"{RUN}model: {{model_path: own.pt}}\n")
    assert (loaded.config.model.alpha, loaded.config.model.pretrained) == (0.25, False)
    assert "the weights were trained with alpha 0.25 in the section model" in loaded.notes
    assert load(f"{RUN}model: {{model_path: own.pt, model_name: acme}}\n").config.model.alpha == 0.25


def test_what_the_file_says_stands(load, weights):
    weights(WIDE)
    loaded = load(f"{RUN}model: {{model_path: own.pt, alpha: 0.5}}\n")
    assert loaded.config.model.alpha == 0.5
    assert not [note for note in loaded.notes if "trained with" in note]


@pytest.mark.parametrize("model", [{}, {"model_name": "sort_net", "alpha": 0.25}, {"model_name": "acme_net"}, None, 3])
def test_weights_of_another_model_or_without_a_word_change_nothing(load, weights, model):
    weights(model)
    assert load(f"{RUN}model: {{model_path: own.pt}}\n").config.model.alpha == 1.0
