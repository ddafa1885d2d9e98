"""Own the `training` section of re-identification: P x K batches and the losses."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zoo_core.config.limits import NonNegativeFloat, PositiveFloat, PositiveInt
from zoo_core.config.section import Section
from zoo_core.config.training_sections import TrainingSection

SMALLEST_GROUPS = 2
"""Persons in a batch without whom there is nobody to tell apart."""
LOSSES = ("identity_loss", "triplet_loss", "center_loss", "circle_loss")


class IdentityLossSection(Section):
    """Tell the persons of the training apart, by cross-entropy."""

    weight: NonNegativeFloat = 1.0
    """Factor of this loss in the sum; 0 leaves it out."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the truth that is spread over all persons."""


class TripletLossSection(Section):
    """Bring pictures of one person together and move those of others away."""

    weight: NonNegativeFloat = 1.0
    """Factor of this loss in the sum; 0 leaves it out."""
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    """How much farther pictures of others must be."""
    strategy: Literal["hard", "semi_hard", "simple"] = "hard"
    """`hard`: the farthest of the same and the nearest other for each picture; `semi_hard`: the nearest other that
    is farther than the same; `simple`: all triplets."""
    distance_metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between embeddings of length 1."""


class CenterLossSection(Section):
    """Pull pictures towards the learnt centre of their person (Wen et al., 2016), beside another loss."""

    weight: NonNegativeFloat = 5e-4
    """Factor of this loss in the sum; 0 leaves it out."""


class CircleLossSection(Section):
    """Weight pairs by how far they are from where they should be (Sun et al., 2020)."""

    weight: NonNegativeFloat = 1.0
    """Factor of this loss in the sum; 0 leaves it out."""
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = 0.4
    """Relaxation of the circle."""
    gamma: PositiveFloat = 80.0
    """Scale of the likenesses."""


class ReidTrainingSection(TrainingSection):
    """Set up a training of embeddings."""

    num_instances: PositiveInt = 4
    """Pictures of each person in a batch, which `batch_size` is a multiple of; 1 leaves the triplet loss no pairs."""
    identity_loss: IdentityLossSection = IdentityLossSection()
    """Acts unless its weight is 0."""
    triplet_loss: TripletLossSection = TripletLossSection()
    """Acts unless its weight is 0."""
    center_loss: CenterLossSection | None = None
    """Not used when absent."""
    circle_loss: CircleLossSection | None = None
    """Not used when absent; needs the package pytorch-metric-learning."""

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = (*_faults_of_batches(self), *_faults_of_losses(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def loss_weights(self) -> dict[str, float]:
        """Return the names of the losses that act, with their factors."""
        sections = {name: getattr(self, name) for name in LOSSES}
        return {name: section.weight for name, section in sections.items() if section is not None and section.weight}


def _faults_of_batches(section: ReidTrainingSection) -> list[str]:
    """Return what is wrong with batches that do not hold whole groups of at least two persons."""
    size, group = section.batch_size, section.num_instances
    if size % group == 0 and size >= SMALLEST_GROUPS * group:
        return []
    return [f"batch_size: expected a multiple of num_instances ({group}), at least twice it, found {size}"]


def _faults_of_losses(section: ReidTrainingSection) -> list[str]:
    """Return what is wrong with losses that cannot train anything."""
    acting = section.loss_weights
    if not acting:
        return ["all losses have the weight 0, so nothing would be trained; give identity_loss or triplet_loss one"]
    if set(acting) == {"center_loss"}:
        return ["center_loss alone makes all embeddings alike; give identity_loss or triplet_loss a weight above 0"]
    if section.num_instances == 1 and "identity_loss" not in acting:
        return ["num_instances: 1 leaves triplet_loss and circle_loss no pairs to compare; set it to 2 or more"]
    return []
