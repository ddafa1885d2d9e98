"""Own embedders as they are exported: the embedding alone, with length 1 inside the graph or not."""

from __future__ import annotations

import torch
from torch import nn

from zoo_reid.models.embedder import Embedder
from zoo_reid.names import EMBEDDING

SMALLEST_LENGTH = 1e-6
"""Least length that an embedding is divided by, so that one of zeros stays zero."""


class PlainEmbedder(nn.Module):
    """Return the embedding of shape (N, D) for images of shape (N, C, H, W).

    The weights are those that the model has when this is made: its neck becomes a convolution of each channel by
    itself, which quantizers and devices know, where a normalisation that no convolution precedes often stays floating
    point.
    """

    def __init__(self, model: Embedder, normalize: bool) -> None:
        super().__init__()
        self.model = model
        self.normalize = normalize
        self.output_names = (EMBEDDING,)
        self.register_buffer("smallest", torch.tensor(SMALLEST_LENGTH), persistent=False)
        self.neck = nn.Identity() if model.neck is None else folded(model.neck)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings, of length 1 when the graph normalises."""
        embedding: torch.Tensor = self.neck(self.model.pooled(images)).flatten(1)
        if not self.normalize:
            return embedding
        length = torch.linalg.vector_norm(embedding, dim=1, keepdim=True)
        # A maximum stays floating point in a quantized graph, where a sum or a limit would be rounded to 8 bits.
        return embedding / torch.maximum(length, self.get_buffer("smallest"))


def folded(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return the depthwise 1x1 convolution that computes what a batch normalisation does in evaluation mode."""
    if norm.running_mean is None or norm.running_var is None:
        msg = "the normalisation keeps no statistics"
        raise ValueError(msg)
    width = norm.num_features
    convolution = nn.Conv2d(width, width, 1, groups=width).to(norm.weight.device)
    with torch.no_grad():
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        convolution.weight.copy_(scale[:, None, None, None])
        convolution.bias.copy_(norm.bias - norm.running_mean * scale)  # type: ignore[union-attr]
    return convolution.requires_grad_(False)
