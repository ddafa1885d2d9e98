"""The `training` section: what it refuses, its defaults, and that every key is explained."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from zoo_reid.config import ReidAugmentationSection, ReidTrainingSection
from zoo_reid.config.augmentation import RandomErasingSection
from zoo_reid.config.training import (
    CenterLossSection,
    CircleLossSection,
    IdentityLossSection,
    TripletLossSection,
)

OFF = {"weight": 0}


def section(**changes):
    return ReidTrainingSection.model_validate({"epochs": 1, "batch_size": 64, **changes})


@pytest.mark.parametrize("keys", [{}, {"triplet_loss": None}, {"triplet_loss": "None"}, {"triplet_loss": {}}])
def test_triplet_loss_acts_with_the_documented_defaults(keys):
    loss = section(**keys).triplet_loss
    assert (loss.margin, loss.strategy, loss.distance_metric, loss.weight) == (0.3, "hard", "cosine", 1.0)


def test_keys_of_st_are_read():
    loss = section(triplet_loss={"margin": 0.5, "strategy": "semi_hard", "distance_metric": "euclidean"}).triplet_loss
    assert (loss.margin, loss.strategy, loss.distance_metric) == (0.5, "semi_hard", "euclidean")


def test_weights_of_the_losses_that_act():
    assert section().loss_weights == {"identity_loss": 1.0, "triplet_loss": 1.0}
    chosen = section(identity_loss=OFF, center_loss={}, circle_loss={"weight": 0.5})
    assert chosen.loss_weights == {"center_loss": 5e-4, "triplet_loss": 1.0, "circle_loss": 0.5}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"batch_size": 30}, "multiple of num_instances (4), at least twice it, found 30"),
        ({"batch_size": 4}, "found 4"),
        ({"identity_loss": OFF, "triplet_loss": OFF}, "all losses have the weight 0"),
        ({"identity_loss": OFF, "triplet_loss": OFF, "center_loss": OFF, "circle_loss": OFF}, "weight 0"),
        ({"identity_loss": OFF, "triplet_loss": OFF, "center_loss": {}}, "center_loss alone"),
        ({"num_instances": 1, "identity_loss": OFF}, "no pairs to compare"),
        ({"triplet_loss": {"margin": 1.5}}, "less than or equal to 1"),
        ({"triplet_loss": {"margin": -0.1}}, "greater than or equal to 0"),
        ({"triplet_loss": {"strategy": "soft"}}, "hard"),
        ({"identity_loss": {"label_smoothing": 1.0}}, "less than 1"),
        ({"identity_loss": {"weight": -1}}, "greater than or equal to 0"),
        ({"circle_loss": {"gamma": 0}}, "greater than 0"),
    ],
)
def test_faults(keys, text):
    with pytest.raises(ValidationError) as raised:
        section(**keys)
    assert text in str(raised.value)


def test_all_faults_at_once():
    with pytest.raises(ValidationError) as raised:
        section(batch_size=30, identity_loss=OFF, triplet_loss=OFF)
    assert "batch_size: expected" in str(raised.value)
    assert "all losses" in str(raised.value)


def test_single_pictures_train_the_identity_loss():
    chosen = section(num_instances=1)
    assert chosen.loss_weights["identity_loss"] == 1.0
    assert ReidTrainingSection.model_validate(chosen.model_dump(by_alias=True)) == chosen


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"area": (0.4, 0.1)}, "area: the first number must not be greater"),
        ({"aspect": (3.0, 0.3)}, "aspect: the first number must not be greater"),
        ({"area": (0.0, 0.4)}, "greater than 0"),
        ({"probability": 1.5}, "less than or equal to 1"),
    ],
)
def test_faults_of_random_erasing(keys, text):
    with pytest.raises(ValidationError) as raised:
        ReidAugmentationSection.model_validate({"random_erasing": keys})
    assert text in str(raised.value)


SECTIONS = (
    IdentityLossSection,
    TripletLossSection,
    CenterLossSection,
    CircleLossSection,
    RandomErasingSection,
    ReidTrainingSection,
    ReidAugmentationSection,
)


@pytest.mark.parametrize("kind", SECTIONS)
def test_every_key_is_explained(kind):
    own = {name for parent in kind.__mro__[1:] for name in getattr(parent, "model_fields", {})}
    for name, field in kind.model_fields.items():
        if name not in own:
            assert field.description, name
            assert field.description.endswith("."), name
