"""Own the question whether a target takes what a recipe makes."""

from __future__ import annotations

from zoo_core.quantization.recipe import NARROW_TYPES, WIDE_TYPES, Recipe
from zoo_core.specs import QuantizationLimits


def refusal(recipe: Recipe, limits: QuantizationLimits) -> str | None:
    """Return why a target does not take the models of a recipe, or nothing when it does."""
    weights = {recipe.weight_type} | ({NARROW_TYPES.get(recipe.weight_type, "")} if recipe.narrow_weights else set())
    activations = {recipe.activation_type}
    if recipe.wide_nodes:
        activations.add(WIDE_TYPES.get(recipe.activation_type, ""))
    reasons = [
        *(f"weights of {name}" for name in sorted(weights - limits.weight_types)),
        *(f"activations of {name}" for name in sorted(activations - limits.activation_types)),
        *(["layers in float"] if recipe.float_nodes and not limits.float_operators else []),
        *([recipe.granularity] if recipe.granularity not in limits.granularities else []),
    ]
    return f"the target does not take {', '.join(reasons)}." if reasons else None
