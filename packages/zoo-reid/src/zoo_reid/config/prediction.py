"""Own the `prediction` section of re-identification."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.limits import PositiveInt
from zoo_core.config.sections import PredictionSection


class ReidPredictionSection(PredictionSection):
    """Say how the pictures of the gallery are ranked and how many of them are shown for every query."""

    reid_distance_metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between embeddings of length 1."""
    ranks: PositiveInt = 10
    """Pictures of the gallery that are shown for every query, nearest first."""
    seed: int = 123
    """Accepted, without effect: nothing is drawn."""
