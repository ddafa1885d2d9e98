"""Own the network that turns a picture into an embedding: backbone, pooling, optional layer and neck, identity head.

Tensor letters: N images, C channels, H height, W width, D numbers of an embedding, K identities.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

MAP_RANK = 4
HEAD_DEVIATION = 0.01
"""Standard deviation of the new weights of the identity head."""


class PointwiseLinear(nn.Linear):
    """Multiply by a matrix, as a convolution over maps of one pixel, which devices compute as they do all others."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return maps of shape (N, D, 1, 1) for maps of shape (N, C, 1, 1)."""
        return functional.conv2d(input, self.weight[:, :, None, None], self.bias)


class Embedder(nn.Module):
    """Compute embeddings, and in a network that knows identities what the losses need beside them.

    The layer of `embedding_size` is that of OSNet (Zhou et al., 2019), under the names of its published weights. The
    neck is that of Luo et al., "Bag of Tricks and a Strong Baseline for Deep Person Re-identification", 2019.
    """

    HEAD = "classifier."
    """Beginning of the names of the identity head's tensors."""

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        channels: int,
        *,
        num_classes: int,
        embedding_size: int | None = None,
        neck: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            parts: Modules of the backbone by name, each run on what the one before gives. The last gives maps of shape
                (N, C, H, W), or vectors of shape (N, C).
            channels: C.
            num_classes: K; 0 leaves the identity head out.
            embedding_size: D, made by one more layer; C when absent.
            neck: Normalise between the features of the triplet loss and the embedding.
        """
        super().__init__()
        self._parts = tuple(parts)
        for name, part in parts.items():
            self.add_module(name, part)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.embedding_size = embedding_size or channels
        self.fc = _layer(channels, embedding_size) if embedding_size else nn.Identity()
        self.neck = nn.BatchNorm2d(self.embedding_size) if neck else None
        self.dropout = nn.Dropout(0.0)
        self.classifier = nn.Linear(self.embedding_size, num_classes, bias=not neck) if num_classes else None
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=HEAD_DEVIATION)
            if self.classifier.bias is not None:
                nn.init.zeros_(self.classifier.bias)
        self.train()

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """Return features before the neck, shape (N, D, 1, 1), for images of shape (N, C, H, W)."""
        found = images
        for name in self._parts:
            found = self.get_submodule(name)(found)
        pooled = self.pool(found) if found.ndim == MAP_RANK else found[:, :, None, None]
        features: torch.Tensor = self.fc(pooled)
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return embedding (N, D), features before the neck (N, D) and logits (N, K); without head the embedding."""
        maps = self.pooled(images)
        features = maps.flatten(1)
        embedding = features if self.neck is None else self.neck(maps).flatten(1)
        if self.classifier is None:
            return embedding
        return embedding, features, self.classifier(self.dropout(embedding))

    def train(self, mode: bool = True) -> Embedder:
        """Switch between training and evaluation; the bias of the neck stays 0 whatever was frozen or not."""
        super().train(mode)
        if self.neck is not None:
            self.neck.bias.requires_grad_(False)
        return self

    def get_classifier(self) -> nn.Linear | None:
        """Return the identity head."""
        return self.classifier


def _layer(channels: int, size: int) -> nn.Sequential:
    linear = PointwiseLinear(channels, size)
    nn.init.kaiming_normal_(linear.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(linear.bias)
    return nn.Sequential(OrderedDict({"0": linear, "1": nn.BatchNorm2d(size), "2": nn.ReLU()}))
