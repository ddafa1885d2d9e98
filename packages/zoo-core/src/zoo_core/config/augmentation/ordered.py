"""Own the part of a `data_augmentation` section that lists ST's functions, in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from zoo_core.config.augmentation.colours import (
    RandomAutocontrast,
    RandomBrightness,
    RandomContrast,
    RandomEqualize,
    RandomGamma,
    RandomHsv,
    RandomHue,
    RandomInvert,
    RandomPosterize,
    RandomRgbToGrayscale,
    RandomRgbToHsv,
    RandomSaturation,
    RandomSharpness,
    RandomSolarize,
    RandomValue,
)
from zoo_core.config.augmentation.geometry import (
    RandomBoundedCrop,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomShear,
    RandomShearAlongOneAxis,
    RandomTranslation,
    RandomZoom,
)
from zoo_core.config.augmentation.pixels import (
    RandomBlur,
    RandomGaussianNoise,
    RandomGridCellErasing,
    RandomJpegQuality,
    RandomRectangleErasing,
)
from zoo_core.config.augmentation.resizing import RandomPeriodicResizing
from zoo_core.config.augmentation.spans import RandomFunction
from zoo_core.config.dialects.moves import is_nothing
from zoo_core.config.section import Section


def _refuse_bare(value: Any) -> Any:
    if is_nothing(value):
        msg = "it has no value: write {} after it to apply it with its defaults, or remove the key"
        raise ValueError(msg)
    return value


Bare = BeforeValidator(_refuse_bare)
"""Refuse a function without a value that would act without one: whether it is meant to act cannot be told."""


class OrderedFunctionsSection(Section):
    """List functions that change training images at random; they act in the order of the file."""

    random_contrast: RandomContrast | None = None
    random_brightness: RandomBrightness | None = None
    random_gamma: RandomGamma | None = None
    random_gamma_adjust: RandomGamma | None = None
    random_hue: RandomHue | None = None
    random_saturation: RandomSaturation | None = None
    random_value: RandomValue | None = None
    random_hsv: RandomHsv | None = None
    random_rgb_to_hsv: Annotated[RandomRgbToHsv | None, Bare] = None
    random_rgb_to_grayscale: Annotated[RandomRgbToGrayscale | None, Bare] = None
    random_invert: Annotated[RandomInvert | None, Bare] = None
    random_solarize: Annotated[RandomSolarize | None, Bare] = None
    random_equalize: Annotated[RandomEqualize | None, Bare] = None
    random_autocontrast: Annotated[RandomAutocontrast | None, Bare] = None
    random_sharpness: RandomSharpness | None = None
    random_posterize: RandomPosterize | None = None
    random_blur: RandomBlur | None = None
    random_gaussian_noise: RandomGaussianNoise | None = None
    random_jpeg_quality: RandomJpegQuality | None = None
    random_crop: Annotated[RandomCrop | None, Bare] = None
    random_flip: RandomFlip | None = None
    random_translation: RandomTranslation | None = None
    random_rotation: RandomRotation | None = None
    random_shear: RandomShear | None = None
    random_shear_x: RandomShearAlongOneAxis | None = None
    random_shear_y: RandomShearAlongOneAxis | None = None
    random_zoom: RandomZoom | None = None
    random_bounded_crop: RandomBoundedCrop | None = None
    random_rectangle_erasing: Annotated[RandomRectangleErasing | None, Bare] = None
    random_grid_cell_erasing: Annotated[RandomGridCellErasing | None, Bare] = None
    random_periodic_resizing: RandomPeriodicResizing | None = None
    order: tuple[str, ...] = ()
    """Functions in the order in which they act; taken from the file."""

    @model_validator(mode="before")
    @classmethod
    def _take_order(cls, data: Any) -> Any:
        """Note the order of the file; a dumped section states it, and names the functions that it does not list."""
        if not isinstance(data, Mapping):
            return data
        if "order" in data:
            return {key: value for key, value in data.items() if value is not None or key not in FUNCTION_NAMES}
        return {**data, "order": tuple(key for key in data if key in FUNCTION_NAMES and not is_nothing(data[key]))}

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        listed = {name for name in FUNCTION_NAMES if getattr(self, name) is not None}
        if set(self.order) != listed or len(self.order) != len(listed):
            msg = f"order must name each listed function once: {', '.join(sorted(listed)) or 'none is listed'}"
            raise ValueError(msg)
        return self

    @property
    def functions(self) -> tuple[tuple[str, RandomFunction], ...]:
        """Return the listed functions with their parameters in the order in which they act."""
        return tuple((name, getattr(self, name)) for name in self.order)


FUNCTION_NAMES = tuple(
    name for name in OrderedFunctionsSection.model_fields if name not in ("order", "random_periodic_resizing")
)
"""Functions that have a place in the order."""
