"""Own the `data_augmentation` section of re-identification: ST's ordered functions and random erasing."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from zoo_core.config.augmentation import OrderedFunctionsSection
from zoo_core.config.limits import PositiveFloat, Probability, Share
from zoo_core.config.section import Section


class RandomErasingSection(Section):
    """Cover a rectangle of some pictures with noise, after everything else (Zhong et al., 2020)."""

    probability: Probability = 0.5
    """Share of the pictures that are changed."""
    area: tuple[Share, Share] = (0.02, 0.4)
    """Range of the rectangle's area as a share of the picture."""
    aspect: tuple[PositiveFloat, PositiveFloat] = (0.3, 3.3)
    """Range of its height to its width."""

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        for key in ("area", "aspect"):
            low, high = getattr(self, key)
            if low > high:
                msg = f"{key}: the first number must not be greater than the second"
                raise ValueError(msg)
        return self


class ReidAugmentationSection(OrderedFunctionsSection):
    """Change training pictures at random: ST's functions in the order of the file, then random erasing."""

    random_erasing: RandomErasingSection | None = None
    """Not used when absent."""
