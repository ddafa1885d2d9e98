"""Own the parameters of the functions that move pixels, and boxes and keypoints with them."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from zoo_core.config.augmentation.spans import Ascending, RandomFunction, Shares, Span, around_zero
from zoo_core.config.limits import Probability

Position = Annotated[float, Field(ge=0.0, le=1.0)]
Positions = Annotated[Position | tuple[Position, Position], Ascending]


def _below_right_angle(value: float | tuple[float, float]) -> float | tuple[float, float]:
    if max(abs(end) for end in around_zero(value)) >= math.pi / 2:
        msg = "the angle is in radians and must be less than a right angle, which is 1.57"
        raise ValueError(msg)
    return value


def _above_minus_one(value: float | tuple[float, float] | None) -> float | tuple[float, float] | None:
    if value is not None and around_zero(value)[0] <= -1.0:
        msg = "a factor of -1 zooms in without end; it must be greater"
        raise ValueError(msg)
    return value


ShearAngle = Annotated[Span, AfterValidator(_below_right_angle)]
ZoomFactor = Annotated[Span, AfterValidator(_above_minus_one)]


class WarpFunction(RandomFunction):
    """Hold what every function takes that brings pixels from outside the image into it."""

    fill_mode: Literal["reflect", "wrap", "constant", "nearest"] = "reflect"
    """What stands outside the image: its mirror image, its copy, `fill_value`, or its edge."""
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    """How pixels between pixels are computed."""
    fill_value: Position = 0.0
    """Pixel value for `constant`, in [0, 1]."""

    @model_validator(mode="after")
    def _check_fill(self) -> Self:
        if self.fill_value and self.fill_mode != "constant":
            msg = "fill_value has no effect without fill_mode: constant"
            raise ValueError(msg)
        return self


class RandomFlip(RandomFunction):
    """Mirror the image; with both axes one of horizontal, vertical and both is drawn."""

    mode: Literal["horizontal", "vertical", "horizontal_and_vertical"]
    """Axis along which the image is mirrored."""
    change_rate: Probability = 0.5
    """Share of the images that are changed."""


class RandomTranslation(WarpFunction):
    """Shift the image by fractions of its size."""

    width_factor: Span
    """Range of the shift to the right as a share of the width; v stands for (-v, v)."""
    height_factor: Span
    """Range of the shift down as a share of the height; v stands for (-v, v)."""


class RandomRotation(WarpFunction):
    """Rotate the image about its centre."""

    factor: Span
    """Range of the angle as a share of a full turn, positive counter-clockwise; v stands for (-v, v)."""


class RandomShear(WarpFunction):
    """Shear the image about its centre along one axis or both."""

    factor: ShearAngle
    """Range of the angle in radians; v stands for (-v, v)."""
    axis: Literal["x", "y", "xy"] = "xy"
    """Axis along which rows or columns are shifted."""


class RandomShearAlongOneAxis(WarpFunction):
    """Shear the image about its centre."""

    factor: ShearAngle
    """Range of the angle in radians; v stands for (-v, v)."""


class RandomZoom(WarpFunction):
    """Zoom about the centre by fractions of the size.

    With `width_factor` alone both axes are zoomed alike, which keeps the proportions.
    """

    width_factor: ZoomFactor
    """Range of the factor; positive zooms out, negative in; v stands for (-v, v)."""
    height_factor: ZoomFactor | None = None
    """The same for the height; as `width_factor` when absent."""


class RandomBoundedCrop(RandomZoom):
    """Zoom as `random_zoom`; when it zooms in, the part of the image that remains is drawn too."""


class RandomCrop(RandomFunction):
    """Cut a window out and enlarge it to the image's size; it is moved so that it lies inside the image."""

    crop_center_x: Positions = (0.25, 0.75)
    """Range of the window's centre as a share of the width."""
    crop_center_y: Positions = (0.25, 0.75)
    """Range of the window's centre as a share of the height."""
    crop_width: Shares = (0.6, 0.9)
    """Range of the window's width as a share of the image's."""
    crop_height: Shares = (0.6, 0.9)
    """Range of the window's height as a share of the image's."""
    interpolation: Literal["bilinear", "nearest"] = "bilinear"
    """How pixels between pixels are computed."""
    change_rate: Probability = 0.9
    """Share of the images that are changed."""
