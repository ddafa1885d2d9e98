"""Own the training losses of image classification."""

from __future__ import annotations

import torch
from timm.loss import BinaryCrossEntropy, JsdCrossEntropy
from torch import nn
from torch.nn import functional


class ClassificationLoss(nn.Module):
    """Compute cross-entropy, or one binary cross-entropy per class, on hard or soft targets.

    Label smoothing follows Szegedy et al., "Rethinking the Inception Architecture", 2016; binary cross-entropy
    follows Wightman et al., "ResNet strikes back", 2021; the Jensen-Shannon divergence between `splits` copies of
    each image follows Hendrycks et al., "AugMix", 2020, where the first copy alone counts for the cross-entropy.
    In evaluation mode it is plain cross-entropy.
    """

    def __init__(
        self, smoothing: float = 0.0, *, binary: bool = False, threshold: float | None = None, splits: int = 0
    ) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.binary = BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold) if binary else None
        self.divergence = JsdCrossEntropy(num_splits=splits, smoothing=smoothing) if splits else None

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean loss as a scalar.

        Args:
            outputs: Logits of shape (N, K).
            targets: Class indices of shape (N,), or shares of each class of shape (N, K) from mixup or cutmix.
                With copies N counts them all: all first copies, then all second ones, and so on.
        """
        loss: torch.Tensor
        if not self.training:
            loss = functional.cross_entropy(outputs, targets)
        elif self.divergence is not None:
            loss = self.divergence(outputs, targets)
        elif self.binary is not None:
            loss = self.binary(outputs, targets)
        elif targets.is_floating_point():
            loss = functional.cross_entropy(outputs, targets)  # mixing has smoothed the targets already
        else:
            loss = functional.cross_entropy(outputs, targets, label_smoothing=self.smoothing)
        return loss
