"""Own the `model` section of re-identification."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from zoo_core.config.sections import ModelSection, PositiveFloat, PositiveInt
from zoo_reid.models.table import GENERIC, WIDTHS, ReidModel, find


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

    @model_validator(mode="after")
    def _check_name(self) -> Self:
        """Refuse what the named network does not take, before any data is read."""
        row = find(self.model_name) if self.model_name else None
        problems = [] if row is None else [*self._backbone_problems(row), *self._alpha_problems(row)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _backbone_problems(self, row: ReidModel) -> list[str]:
        if row.name == GENERIC:
            needed = f"backbone: {GENERIC} needs the name of a timm model, such as resnet18"
            return [] if self.backbone else [needed]
        return [] if self.backbone is None else [f"backbone: {row.name} has its own; it is a key of {GENERIC}"]

    def _alpha_problems(self, row: ReidModel) -> list[str]:
        if self.alpha is None:
            return []
        if row.width is not None and row.family in WIDTHS:
            return [f"alpha: {row.name} says its width itself; give it with model_name: {row.family}"]
        if row.width is not None:
            return [f"alpha: {row.name} has one width only; it is a key of {', '.join(WIDTHS)}"]
        widths = WIDTHS[row.family]
        if self.alpha in widths:
            return []
        known = ", ".join(f"{width:g}" for width in widths)
        return [f"alpha: {row.name} is published in the widths {known}, found {self.alpha:g}"]
