"""Own the parameters of ST's ordered augmentation functions, as its documentation names them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from zoo_core.config.section import Section
from zoo_core.config.sections import NonNegativeFloat, Probability

Span = float | tuple[float, float]
"""Range a value is drawn from; a single number v stands for (-v, v)."""


def span(value: Span) -> tuple[float, float]:
    """Return the two ends of a range."""
    return value if isinstance(value, tuple) else (-value, value)


class RandomFunction(Section):
    """Hold what every function takes."""

    change_rate: Probability = 1.0
    """Share of the images that are changed."""


class WarpFunction(RandomFunction):
    """Hold what every function takes that moves pixels."""

    fill_mode: Literal["reflect", "wrap", "constant", "nearest"] = "reflect"
    """What stands outside the image: its mirror image, its copy, `fill_value`, or its edge."""
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    fill_value: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Pixel value for `constant`, in [0, 1]."""


class RandomFlip(RandomFunction):
    """Mirror the image; with both axes one of horizontal, vertical and both is drawn."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"]
    change_rate: Probability = 0.5
    """Share of the images that are changed."""


class RandomTranslation(WarpFunction):
    """Shift the image by fractions of its size; positive is to the right and down."""

    width_factor: Span
    height_factor: Span


class RandomRotation(WarpFunction):
    """Rotate the image by a fraction of a full turn; positive is counter-clockwise."""

    factor: Span


class RandomShear(WarpFunction):
    """Shear the image by an angle, a fraction of a full turn, along one or both axes."""

    factor: Span
    axis: Literal["x", "y", "xy"] = "xy"


class RandomZoom(WarpFunction):
    """Zoom by fractions of the size; positive is out, negative in.

    With `width_factor` alone both axes are zoomed alike, which keeps the proportions.
    """

    width_factor: Span
    height_factor: Span | None = None


class RandomContrast(RandomFunction):
    """Scale the distance of every pixel from its channel's mean by 1 + factor."""

    factor: Span


class RandomBrightness(RandomFunction):
    """Add a number to every pixel, whose values lie in [0, 1]."""

    factor: Span


class RandomGaussianNoise(RandomFunction):
    """Add noise whose standard deviation is drawn from a range, for pixels in [0, 1]."""

    stddev: tuple[NonNegativeFloat, NonNegativeFloat]


def _refuse(value: Any) -> None:
    if value is None:
        return
    msg = "this function is part of ST's list but not available yet; see data_augmentation in the documentation"
    raise ValueError(msg)


NotAvailable = Annotated[Any, BeforeValidator(_refuse)]
"""Type of a key that is known and refused, so that it is never ignored."""
