"""The losses against timm and by hand."""

import pytest
import torch
from timm.data.mixup import mixup_target
from timm.loss import BinaryCrossEntropy, JsdCrossEntropy, LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from torch.nn import functional

from zoo_classification.criterion import ClassificationLoss


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(8, 5, generator=generator), torch.randint(5, (8,), generator=generator)


def test_plain_loss_is_the_mean_of_minus_log_probability(batch):
    logits, labels = batch
    wanted = -torch.log_softmax(logits, 1)[torch.arange(8), labels].mean()
    assert torch.allclose(ClassificationLoss()(logits, labels), wanted)


def test_smoothing_agrees_with_timm(batch):
    assert torch.allclose(ClassificationLoss(0.1)(*batch), LabelSmoothingCrossEntropy(0.1)(*batch))


def test_soft_targets_agree_with_timm(batch):
    logits, labels = batch
    soft = mixup_target(labels, 5, 0.3, 0.1)
    assert torch.allclose(ClassificationLoss(0.1)(logits, soft), SoftTargetCrossEntropy()(logits, soft))


def test_binary_loss_agrees_with_timm(batch):
    logits, labels = batch
    found = ClassificationLoss(0.1, binary=True)(logits, labels)
    assert torch.allclose(found, BinaryCrossEntropy(0.1)(logits, labels))


def test_threshold_makes_targets_hard():
    logits = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    soft = torch.tensor([[0.7, 0.3, 0.0], [0.1, 0.6, 0.3]])
    hard = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    found = ClassificationLoss(binary=True, threshold=0.2)(logits, soft)
    assert torch.allclose(found, functional.binary_cross_entropy_with_logits(logits, hard))


def test_disagreement_of_copies_is_the_divergence_from_their_mean():
    """Three copies of four images: the first four alone have a cross-entropy; 12 is the weight of the AugMix paper."""
    generator = torch.Generator().manual_seed(5)
    logits, labels = torch.randn(12, 5, generator=generator), torch.randint(5, (4,), generator=generator).repeat(3)
    copies = logits.softmax(1).unflatten(0, (3, 4))
    mixture = copies.mean(0)
    divergence = (copies * (copies.log() - mixture.log())).sum(2).mean()
    wanted = functional.cross_entropy(logits[:4], labels[:4], label_smoothing=0.1) + 12 * divergence
    found = ClassificationLoss(0.1, splits=3)(logits, labels)
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(found, JsdCrossEntropy(3, smoothing=0.1)(logits, labels))


def test_copies_that_agree_add_nothing(batch):
    logits, labels = batch
    found = ClassificationLoss(splits=2)(logits.repeat(2, 1), labels.repeat(2))
    assert torch.allclose(found, functional.cross_entropy(logits, labels), atol=1e-6)


@pytest.mark.parametrize(
    "loss", [ClassificationLoss(0.2), ClassificationLoss(0.2, binary=True), ClassificationLoss(0.2, splits=4)]
)
def test_evaluation_mode_is_plain_cross_entropy(batch, loss):
    assert torch.allclose(loss.eval()(*batch), functional.cross_entropy(*batch))
