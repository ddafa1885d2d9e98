"""Own the ranges that random numbers are drawn from, and what every augmentation function takes."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field

from zoo_core.config.limits import NonNegativeFloat, PositiveFloat, Probability, Share
from zoo_core.config.section import Section

T = TypeVar("T")
N = TypeVar("N", int, float)


def _ascending(value: T) -> T:
    if isinstance(value, tuple) and value[0] > value[1]:
        msg = f"the first number must not be greater than the second, got {list(value)}"
        raise ValueError(msg)
    return value


Ascending = AfterValidator(_ascending)
"""Refuse a range whose ends are the wrong way round."""

Span = Annotated[float | tuple[float, float], Ascending]
"""Range of numbers; a single number v stands for (-v, v)."""
UpTo = Annotated[NonNegativeFloat | tuple[NonNegativeFloat, NonNegativeFloat], Ascending]
"""Range of numbers from 0 on; a single number v stands for (0, v)."""
Shares = Annotated[Share | tuple[Share, Share], Ascending]
"""Range of shares of a whole; a single number stands for itself."""
Ratios = Annotated[PositiveFloat | tuple[PositiveFloat, PositiveFloat], Ascending]
"""Range of proportions; a single number stands for itself."""
Quality = Annotated[int, Field(ge=0, le=100)]
Bits = Annotated[int, Field(ge=1, le=8)]
Colour = Annotated[int, Field(ge=0, le=255)]


class RandomFunction(Section):
    """Hold what every function takes."""

    change_rate: Probability = 1.0
    """Share of the images that are changed."""


def around_zero(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a `Span`."""
    return value if isinstance(value, tuple) else (-abs(value), abs(value))


def from_zero(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return the ends of an `UpTo`."""
    return value if isinstance(value, tuple) else (0.0, value)


def at_least_itself(value: N | tuple[N, N]) -> tuple[N, N]:
    """Return the ends of a range of which a single number is both."""
    return value if isinstance(value, tuple) else (value, value)


def refuse_batch_mode(value: Any) -> Any:
    """Refuse `mode: batch`.

    Raises:
        ValueError: When the same random numbers are asked for all images of a batch.
    """
    if value == "batch":
        msg = "batch is not available: every image draws numbers of its own, in whatever process reads it; use image"
        raise ValueError(msg)
    return value
