"""Own the parameters of the functions that degrade images or erase parts of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from zoo_core.config.augmentation.spans import (
    Ascending,
    Colour,
    Quality,
    RandomFunction,
    Ratios,
    Shares,
    refuse_batch_mode,
)
from zoo_core.config.limits import NonNegativeFloat, NonNegativeInt, PositiveInt, Probability


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


OneByOne = Annotated[Literal["image"], BeforeValidator(refuse_batch_mode)]
"""Mode of a function that draws for every image anew, the only one there is."""
UnitValue = Annotated[float, Field(ge=0.0, le=1.0)]


class RandomBlur(RandomFunction):
    """Replace every pixel by the mean of the square around it."""

    filter_size: Annotated[PositiveInt | tuple[PositiveInt, PositiveInt], Ascending]
    """Range of the side of the square, in pixels; 1 leaves the image as it is."""
    padding: Annotated[Literal["reflect", "constant", "symmetric"], BeforeValidator(_lower)] = "reflect"
    """What stands outside the image: its mirror image without or with the edge, or `constant_values`."""
    constant_values: UnitValue = 0.0
    """Pixel value for `constant`, in [0, 1]."""

    @model_validator(mode="after")
    def _check_constant(self) -> Self:
        if self.constant_values and self.padding != "constant":
            msg = "constant_values has no effect without padding: constant"
            raise ValueError(msg)
        return self


class RandomGaussianNoise(RandomFunction):
    """Add noise whose standard deviation is drawn from a range, for pixels in [0, 1]."""

    stddev: Annotated[NonNegativeFloat | tuple[NonNegativeFloat, NonNegativeFloat], Ascending]
    """Range of the standard deviation."""
    mode: OneByOne = "image"
    """`image`: every image has a standard deviation of its own."""


class RandomJpegQuality(RandomFunction):
    """Compress images as JPEG files are."""

    jpeg_quality: Annotated[Quality | tuple[Quality, Quality], Ascending]
    """Range of the quality, up to 100."""


class _Erasing(RandomFunction):
    """Hold what the erasing functions share."""

    fill_method: Literal["uniform", "random", "mosaic"]
    """`uniform` fills with `color`, `random` with one random colour for each area, `mosaic` with random pixels."""
    color: tuple[Colour, Colour, Colour] | Colour | None = None
    """Colour for `uniform`, 0 to 255; black when absent."""

    @model_validator(mode="after")
    def _check_color(self) -> Self:
        if self.color is not None and self.fill_method != "uniform":
            msg = "color has no effect without fill_method: uniform"
            raise ValueError(msg)
        return self


class RandomRectangleErasing(_Erasing):
    """Erase rectangles.

    Zhong et al., "Random erasing data augmentation", 2020.
    """

    nrec: Annotated[NonNegativeInt | tuple[NonNegativeInt, NonNegativeInt], Ascending] = 1
    """Range of the number of rectangles."""
    area: Shares = (0.05, 0.4)
    """Range of a rectangle's area as a share of the image."""
    wh_ratio: Ratios = (0.3, 2.0)
    """Range of a rectangle's width to its height."""
    fill_method: Literal["uniform", "random", "mosaic"] = "random"
    """`uniform` fills with `color`, `random` with one random colour for each area, `mosaic` with random pixels."""
    mode: OneByOne = "image"
    """`image`: every image has rectangles of its own."""


class RandomGridCellErasing(_Erasing):
    """Divide the image into a grid and erase cells of it."""

    ncells_x: PositiveInt = 5
    """Number of cells side by side."""
    ncells_y: PositiveInt = 5
    """Number of cells one above the other."""
    erasing_prob: Probability = 0.2
    """Probability of a cell to be erased."""
    fill_method: Literal["uniform", "random", "mosaic"] = "uniform"
    """`uniform` fills with `color`, `random` with one random colour for each area, `mosaic` with random pixels."""
