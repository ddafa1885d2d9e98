"""Own the drawing of yes or no."""

from __future__ import annotations

from zoo_core.data.augmentation.draws import draw


def happens(probability: float) -> bool:
    """Tell whether something of this probability happens now."""
    return probability > 0 and draw((0.0, 1.0)) < probability
