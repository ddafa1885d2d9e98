"""Own the application of functions one after the other, each to its share of the samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from zoo_core.config.augmentation import RandomFunction
from zoo_core.data.augmentation import colours, geometry, pixels
from zoo_core.data.augmentation.warp import Filling, warp_boxes, warp_image, warp_keypoints, warp_mask
from zoo_core.errors import UserError

COLOURS = 3
"""Channels that the pixel functions change; a fourth one, transparency, is left as it is."""

PixelFunction = Callable[[torch.Tensor, Any], torch.Tensor]
MatrixFunction = Callable[[Any, int, int], torch.Tensor]

ON_PIXELS: Mapping[str, PixelFunction] = {
    "random_contrast": colours.contrast,
    "random_brightness": colours.brightness,
    "random_gamma": colours.gamma,
    "random_gamma_adjust": colours.gamma,
    "random_hue": colours.hue,
    "random_saturation": colours.saturation,
    "random_value": colours.value,
    "random_hsv": colours.hsv,
    "random_rgb_to_hsv": colours.to_hsv,
    "random_rgb_to_grayscale": colours.to_grayscale,
    "random_invert": colours.invert,
    "random_solarize": colours.solarize,
    "random_equalize": colours.equalize,
    "random_autocontrast": colours.autocontrast,
    "random_sharpness": colours.sharpness,
    "random_posterize": colours.posterize,
    "random_blur": pixels.blur,
    "random_gaussian_noise": pixels.gaussian_noise,
    "random_jpeg_quality": pixels.jpeg_quality,
    "random_rectangle_erasing": pixels.rectangle_erasing,
    "random_grid_cell_erasing": pixels.grid_cell_erasing,
}
ON_PLACES: Mapping[str, MatrixFunction] = {
    "random_crop": geometry.crop,
    "random_flip": geometry.flip,
    "random_translation": geometry.translation,
    "random_rotation": geometry.rotation,
    "random_shear": geometry.shear,
    "random_shear_x": geometry.shear_x,
    "random_shear_y": geometry.shear_y,
    "random_zoom": geometry.zoom,
    "random_bounded_crop": geometry.bounded_crop,
}
NEEDS_COLOUR = frozenset(
    {
        "random_hue",
        "random_saturation",
        "random_value",
        "random_hsv",
        "random_rgb_to_hsv",
        "random_rgb_to_grayscale",
    }
)
"""Functions that mean nothing for grey images."""


class PixelChange(v2.Transform):  # type: ignore[misc] # torchvision is untyped here
    """Change the pixels of the image; places stay where they are."""

    def __init__(self, function: PixelFunction, section: RandomFunction) -> None:
        super().__init__()
        self._function = function
        self._section = section

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return the changed image, anything else as it is."""
        if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, tv_tensors.Image):
            return inpt
        image = inpt.as_subclass(torch.Tensor)
        changed = self._function(image[:COLOURS], self._section)
        if len(image) > COLOURS:
            changed = torch.cat([changed, image[COLOURS:]])
        return tv_tensors.wrap(changed, like=inpt) if isinstance(inpt, tv_tensors.Image) else changed


class PlaceChange(v2.Transform):  # type: ignore[misc] # torchvision is untyped here
    """Move pixels, boxes, keypoints and masks alike."""

    def __init__(self, function: MatrixFunction, section: RandomFunction, partners: Sequence[int] | None) -> None:
        super().__init__()
        self._function = function
        self._section = section
        self._partners = partners
        self._filling = Filling(
            getattr(section, "fill_mode", "reflect"),
            getattr(section, "interpolation", "bilinear"),
            getattr(section, "fill_value", 0.0),
        )

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the matrix for the whole sample."""
        height, width = v2.functional.get_size(flat_inputs[0])
        return {"matrix": self._function(self._section, width, height)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Return one part of the sample, moved."""
        matrix = params["matrix"]
        if isinstance(inpt, tv_tensors.BoundingBoxes):
            return warp_boxes(inpt, matrix)
        if isinstance(inpt, tv_tensors.KeyPoints):
            return warp_keypoints(inpt, matrix, self._partners)
        plain = inpt.as_subclass(torch.Tensor)
        if isinstance(inpt, tv_tensors.Mask):
            return tv_tensors.wrap(warp_mask(plain, matrix, self._filling), like=inpt)
        moved = warp_image(plain, matrix, self._filling)
        return tv_tensors.wrap(moved, like=inpt) if isinstance(inpt, tv_tensors.Image) else moved


class OrderedFunctions:
    """Apply functions in their order to a sample, each with the probability `change_rate`."""

    def __init__(
        self,
        functions: Sequence[tuple[str, RandomFunction]],
        *,
        channels: int = COLOURS,
        partners: Sequence[int] | None = None,
    ) -> None:
        """Prepare the functions.

        Args:
            functions: Names and parameters, as `OrderedFunctionsSection.functions` gives them.
            channels: Channels of the images.
            partners: For each keypoint the one that takes its name in a mirror.

        Raises:
            UserError: When a function means nothing for images of so many channels.
        """
        self._steps = []
        for name, section in functions:
            _refuse_for_grey(name, section, channels)
            step = (
                PixelChange(ON_PIXELS[name], section)
                if name in ON_PIXELS
                else PlaceChange(ON_PLACES[name], section, partners)
            )
            self._steps.append((section.change_rate, step))

    def __call__(self, *sample: Any) -> Any:
        """Return the sample, changed; one argument gives one result, several give a tuple."""
        changed = sample if len(sample) > 1 else sample[0]
        for rate, step in self._steps:
            if torch.rand(()) < rate:
                changed = step(changed)
        return changed


def _refuse_for_grey(name: str, section: RandomFunction, channels: int) -> None:
    if channels != 1:
        return
    if name in NEEDS_COLOUR:
        msg = f"data_augmentation.{name} means nothing for grey images, and the model takes one channel."
        raise UserError(msg, hint="Remove it, or set preprocessing.color_mode: rgb and a model input of 3 channels.")
    if isinstance(getattr(section, "color", None), tuple):
        msg = f"data_augmentation.{name}.color has three values, but the model takes images of one channel."
        raise UserError(msg, hint="Give one value from 0 to 255.")
