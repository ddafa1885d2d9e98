"""Own the `prediction` section of re-identification."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from zoo_core.config.sections import PredictionSection

MOST_RANKS = 100
"""Pictures that one strip can hold."""


class ReidPredictionSection(PredictionSection):
    """Say how the pictures of the gallery are ranked and how many of them are shown for every query.

    The whole gallery is ranked, pictures by the camera of the query too; an evaluation may leave those out.
    """

    reid_distance_metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between embeddings of length 1."""
    ranks: Annotated[int, Field(ge=1, le=MOST_RANKS)] = 10
    """Pictures of the gallery that are shown for every query, nearest first; 100 at most."""
    seed: int = 123
    """Accepted, without effect: nothing is left to chance."""
