"""Own the `evaluation` section of re-identification: distance, protocol and uncertainty."""

from __future__ import annotations

from typing import Literal

from zoo_core.config.limits import NonNegativeInt, PositiveInt, Probability
from zoo_core.config.sections import EvaluationSection


class ReidEvaluationSection(EvaluationSection):
    """Say how the pictures of the gallery are ranked for every query."""

    reid_distance_metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between embeddings of length 1."""
    same_camera: Literal["exclude", "keep"] = "exclude"
    """Pictures of the person searched for by the camera of the query: not counted, as on Market-1501, or counted.

    Where the data set names no cameras, which ST's data sets do not, all pictures count.
    """
    reranking: bool = False
    """Measure the order after k-reciprocal re-ranking too (Zhong et al., 2017)."""
    reranking_k1: PositiveInt = 20
    """Neighbours that are looked at for re-ranking."""
    reranking_k2: PositiveInt = 6
    """Neighbours whose neighbourhoods are averaged for re-ranking."""
    reranking_lambda: Probability = 0.3
    """Weight of the original distance in re-ranking."""
    bootstrap: NonNegativeInt = 1000
    """Drawings of queries for the 95 % confidence intervals; 0 leaves the intervals out."""
    seed: int = 123
    """Seed of these drawings."""
