"""A training of one's own weights says what becomes of their dropout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from zoo_core.artifacts import Checkpoint
from zoo_core.config.sections import ModelSection, TrainingSection
from zoo_core.errors import UserError
from zoo_core.services.first_weights import first_model
from zoo_core.training.checkpoint import read_weights, save_weights
from zoo_core.training.headless import save_headless


class Context:
    """What `first_model` asks of a run."""

    seed = 1

    def __init__(self, model: nn.Module, drop: float | None = None, **training: Any) -> None:
        self.model = model
        section = TrainingSection.model_validate({"epochs": 1, "batch_size": 1, **training})
        self.config = SimpleNamespace(training=section, model=ModelSection())
        self.task = SimpleNamespace(model_options=lambda: {} if drop is None else {"drop": drop})

    def build_model(self) -> nn.Module:
        return self.model

    def build_without_pretrained(self) -> nn.Module:
        return self.model


def network(rate: float) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(rate), nn.Linear(4, 2))


def weights(folder: Path, trained_with: float | None = None) -> Checkpoint:
    path = folder / "own.pt"
    save_weights(path, network(0.0), {"training": {"dropout": trained_with}})
    return Checkpoint(path=path, sha256="", made_by="user")


def test_weights_trained_with_dropout_need_a_word_on_it(tmp_path: Path) -> None:
    given = weights(tmp_path, trained_with=0.3)
    with pytest.raises(UserError, match=r"were trained with dropout 0\.3, and training\.dropout is not set"):
        first_model(Context(network(0.0)), given, None)
    for rate in (0.3, 0.1, 0):
        first_model(Context(network(0.0), dropout=rate), given, None)


def test_a_dropout_layer_of_the_model_needs_a_word_on_it(tmp_path: Path) -> None:
    given = weights(tmp_path)
    with pytest.raises(UserError, match=r"has a dropout layer, .*\n.*0\.2 is the rate the model is built with"):
        first_model(Context(network(0.2)), given, None)
    first_model(Context(network(0.2), dropout=0.2), given, None)
    first_model(Context(network(0.2), drop=0.2), given, None)  # data_augmentation.drop has set it
    first_model(Context(network(0.0)), given, None)


def test_a_model_of_the_catalogue_keeps_its_own_dropout() -> None:
    model, notes = first_model(Context(network(0.2)), None, None)
    assert (model[1].p, notes) == (0.2, ())


def test_two_rates_are_refused() -> None:
    with pytest.raises(UserError, match=r"training\.dropout is 0\.5, and data_augmentation\.drop is 0\.2"):
        first_model(Context(network(0.0), drop=0.2, dropout=0.5), None, None)
    first_model(Context(network(0.0), drop=0.0, dropout=0.5), None, None)


def test_the_weights_are_those_of_the_file(tmp_path: Path) -> None:
    given = weights(tmp_path)
    model, (note,) = first_model(Context(network(0.0)), given, None)
    stored = torch.load(given.path, weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, stored[name]) for name, tensor in model.state_dict().items())
    assert str(given.path) in note


def test_weights_without_a_classifier_leave_the_new_one_as_it_is(tmp_path: Path) -> None:
    given, model = weights(tmp_path), network(0.0)
    path = save_headless(given.path, tmp_path / "best_model.pt", model)
    before = model.state_dict()["2.weight"].clone()
    trained = read_weights(given.path).state_dict
    _, (note,) = first_model(Context(model), Checkpoint(path=path, sha256="", made_by="user"), None)
    assert torch.equal(model.state_dict()["0.weight"], trained["0.weight"])
    assert torch.equal(model.state_dict()["2.weight"], before)
    assert not torch.equal(before, trained["2.weight"])
    assert str(path) in note
