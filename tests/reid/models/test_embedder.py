"""Embedders give what losses, searches and exports take, whatever stands behind the backbone."""

import copy

import pytest
import torch
from torch import nn

from zoo_core.config.training_sections import TrainingSection
from zoo_core.errors import UserError
from zoo_core.training.checkpoint import load_into
from zoo_core.training.layers import classifier_layers, layers_with_weights, prepare_layers
from zoo_core.training.transfer import transfer
from zoo_reid.models.embedder import Embedder


def maps():
    """Return a backbone of two parts for images of three channels, with 6 channels at the end."""
    return {"stem": nn.Conv2d(3, 4, 3, 2, 1), "top": nn.Sequential(nn.ReLU(), nn.Conv2d(4, 6, 3, 2, 1))}


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(("size", "width"), [(None, 6), (5, 5)])
@pytest.mark.parametrize("neck", [True, False])
def test_outputs_have_the_form_that_losses_and_evaluators_read(size, width, neck, mode):
    model = Embedder(maps(), 6, num_classes=7, embedding_size=size, neck=neck).train(mode)
    embedding, features, logits = model(torch.rand(4, 3, 16, 12))
    assert embedding.shape == features.shape == (4, width)
    assert logits.shape == (4, 7)
    assert model.embedding_size == width
    assert torch.equal(embedding, features) != neck
    assert sum(isinstance(part, nn.Dropout) for part in model.modules()) == 1


def test_embedding_without_layers_is_the_mean_of_the_maps():
    model = Embedder(maps(), 6, num_classes=2).eval()
    images = torch.rand(2, 3, 16, 12)
    expected = model.top(model.stem(images)).mean((2, 3))
    embedding, _, logits = model(images)
    torch.testing.assert_close(embedding, expected)
    torch.testing.assert_close(logits, expected @ model.classifier.weight.T + model.classifier.bias)


def test_layer_and_neck_compute_what_their_papers_state():
    model = Embedder(maps(), 6, num_classes=2, embedding_size=5, neck=True)
    reference = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU())
    reference.load_state_dict(model.fc.state_dict())
    neck = nn.BatchNorm1d(5)
    nn.init.uniform_(model.neck.weight, 0.5, 2.0)
    neck.load_state_dict(model.neck.state_dict())
    images = torch.rand(4, 3, 16, 12)
    for mode in (True, False):
        embedding, features, logits = model.train(mode)(images)
        expected = reference.train(mode)(model.top(model.stem(images)).mean((2, 3)))
        torch.testing.assert_close(features, expected)
        torch.testing.assert_close(embedding, neck.train(mode)(expected))
        torch.testing.assert_close(logits, embedding @ model.classifier.weight.T)


def test_without_identities_there_is_no_head_and_the_state_fits():
    torch.manual_seed(0)
    full = Embedder(maps(), 6, num_classes=7, embedding_size=5, neck=True).eval()
    bare = Embedder(maps(), 6, num_classes=0, embedding_size=5, neck=True).eval()
    assert bare.get_classifier() is None
    assert full.get_classifier() is full.classifier
    state = {key: value for key, value in full.state_dict().items() if not key.startswith(Embedder.HEAD)}
    assert set(full.state_dict()) - set(state) == {"classifier.weight"}
    load_into(bare, state, "test")
    images = torch.rand(2, 3, 16, 12)
    assert torch.equal(bare(images), full(images)[0])


def test_bias_of_the_neck_stays_zero_even_where_layers_are_unfrozen():
    model = Embedder(maps(), 6, num_classes=3, neck=True)
    section = TrainingSection(epochs=1, batch_size=4, frozen_layers="0")
    assert prepare_layers(model, section) == ("stem",)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, weight_decay=0.1)
    before = copy.deepcopy(model.neck.weight.detach())
    embedding, features, logits = model(torch.rand(6, 3, 16, 12))
    (logits.square().sum() + embedding.sum() + features.sum()).backward()
    optimizer.step()
    assert torch.equal(model.neck.bias, torch.zeros(6))
    assert not torch.equal(model.neck.weight, before)


def test_core_finds_the_identity_head_and_transfers_all_else():
    model = Embedder(maps(), 6, num_classes=3, embedding_size=5)
    assert classifier_layers(model) == {"classifier"}
    assert layers_with_weights(model)[-1][0] == "classifier"
    other = Embedder(maps(), 6, num_classes=9, embedding_size=5)
    report = transfer(model, other.state_dict())
    assert report.fresh == ("classifier.weight", "classifier.bias")
    images = torch.rand(2, 3, 16, 12)
    assert torch.equal(model.eval()(images)[0], other.eval()(images)[0])
    with pytest.raises(UserError, match="for 9 classes, but the model has 3"):
        load_into(model, other.state_dict(), "test")


def test_dropout_is_set_before_the_head_only():
    model = Embedder(maps(), 6, num_classes=3)
    prepare_layers(model, TrainingSection(epochs=1, batch_size=4, dropout=0.99))
    embedding, features, logits = model(torch.rand(4, 3, 16, 12))
    assert torch.equal(embedding, features)
    expected = embedding @ model.classifier.weight.T + model.classifier.bias
    assert not torch.allclose(logits, expected)


def test_backbone_that_gives_vectors_is_taken_too():
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    embedding = Embedder({"net": flat}, 12, num_classes=0, embedding_size=5).eval()(torch.rand(2, 3, 8, 8))
    assert embedding.shape == (2, 5)
