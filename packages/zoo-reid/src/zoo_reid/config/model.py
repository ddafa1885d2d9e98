"""Own the `model` section of re-identification."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.sections import ModelSection, PositiveFloat, PositiveInt


class ReidModelSection(ModelSection):
    """Choose a network that makes embeddings, and what stands behind its features."""

    alpha: PositiveFloat | None = None
    """Width of `mobilenetv1`, `mobilenetv2` or `osnet`, as a factor; names such as `osnet_a025` say it themselves."""
    backbone: str | None = None
    """Name of a timm model whose features the generic model `embedder` is built on."""
    embedding_size: PositiveInt | None = None
    """Numbers in an embedding, made by one more layer; as many as the backbone has channels when absent."""
    neck: Literal["none", "bnneck"] = "none"
    """`bnneck`: the triplet loss sees features before, the identity loss and searches after a normalisation."""
    normalize: Literal["outside", "inside"] = "outside"
    """Where embeddings of exported models get length 1: `outside` leaves it to the user, `inside` does it."""
