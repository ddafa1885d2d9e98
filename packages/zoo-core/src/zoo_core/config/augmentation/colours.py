"""Own the parameters of the functions that change colours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from zoo_core.config.augmentation.spans import Ascending, Bits, RandomFunction, Span, UpTo
from zoo_core.config.limits import PositiveFloat, Probability


class RandomContrast(RandomFunction):
    """Scale the distance of every pixel from its channel's mean by 1 + factor."""

    factor: Span
    """Range of the factor; v stands for (-v, v)."""


class RandomBrightness(RandomFunction):
    """Add a number to every pixel, whose values lie in [0, 1]."""

    factor: Span
    """Range of the number; v stands for (-v, v)."""


class RandomGamma(RandomFunction):
    """Raise every pixel, whose values lie in [0, 1], to a power; more than 1 darkens."""

    gamma: Annotated[tuple[PositiveFloat, PositiveFloat], Ascending]
    """Range of the exponent."""


class RandomHue(RandomFunction):
    """Turn the hue of colour images; 1 is a full turn."""

    delta: Span
    """Range of the turn; v stands for (-v, v)."""


class RandomSaturation(RandomFunction):
    """Add a number to the saturation of colour images, which lies in [0, 1]."""

    delta: Span
    """Range of the number; v stands for (-v, v)."""


class RandomValue(RandomFunction):
    """Add a number to the value of colour images, the largest of the three channels, which lies in [0, 1]."""

    delta: Span
    """Range of the number; v stands for (-v, v)."""


class RandomHsv(RandomFunction):
    """Change hue, saturation and value of colour images at once; the documented `delta_hue` and so on are read too."""

    hue_delta: Span
    """Range of the turn of the hue; v stands for (-v, v)."""
    saturation_delta: Span
    """Range of what is added to the saturation; v stands for (-v, v)."""
    value_delta: Span
    """Range of what is added to the value; v stands for (-v, v)."""


class RandomRgbToHsv(RandomFunction):
    """Replace red, green and blue by hue, saturation and value."""

    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomRgbToGrayscale(RandomFunction):
    """Make colour images grey; they keep three channels."""

    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomInvert(RandomFunction):
    """Make the negative of images."""

    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomSolarize(RandomFunction):
    """Invert the pixels above a threshold that is drawn from the whole range."""

    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomEqualize(RandomFunction):
    """Spread the histogram of each channel evenly."""

    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomAutocontrast(RandomFunction):
    """Stretch each channel to the full range, the outermost pixels left out of account."""

    cutoff: Annotated[int, Field(gt=0, lt=50)] = 10
    """Percentage of the darkest, and of the lightest pixels that is left out of account."""
    change_rate: Probability = 0.25
    """Share of the images that are changed."""


class RandomSharpness(RandomFunction):
    """Sharpen images; 0 leaves them as they are."""

    factor: UpTo
    """Range of the strength; v stands for (0, v)."""


class RandomPosterize(RandomFunction):
    """Keep only the highest bits of every pixel of 8 bits."""

    bits: Annotated[Bits | tuple[Bits, Bits], Ascending]
    """Range of the number of bits that are kept."""
