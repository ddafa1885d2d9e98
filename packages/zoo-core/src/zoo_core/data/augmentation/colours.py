"""Own the functions that change colours, on images of shape (C, H, W) with values in [0, 1] and 1 or 3 channels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image, ImageOps
from torchvision.transforms.v2 import functional

from zoo_core.config.augmentation import colours as parameters
from zoo_core.config.augmentation.spans import RandomFunction, Span, around_zero, at_least_itself, from_zero
from zoo_core.data.augmentation.draws import draw, draw_whole
from zoo_core.data.augmentation.hsv import hsv_to_rgb, rgb_to_hsv
from zoo_core.data.preprocessing import PIXEL_MAX


def contrast(image: torch.Tensor, section: parameters.RandomContrast) -> torch.Tensor:
    """Scale the distance from the mean of each channel."""
    mean = image.mean(dim=(-2, -1), keepdim=True)
    return (mean + (1.0 + draw(around_zero(section.factor))) * (image - mean)).clamp(0.0, 1.0)


def brightness(image: torch.Tensor, section: parameters.RandomBrightness) -> torch.Tensor:
    """Add one number to all pixels."""
    return (image + draw(around_zero(section.factor))).clamp(0.0, 1.0)


def gamma(image: torch.Tensor, section: parameters.RandomGamma) -> torch.Tensor:
    """Raise all pixels to one power."""
    return image.pow(draw(section.gamma))


def hue(image: torch.Tensor, section: parameters.RandomHue) -> torch.Tensor:
    """Turn the hue."""
    return _shift_hsv(image, (section.delta, 0.0, 0.0))


def saturation(image: torch.Tensor, section: parameters.RandomSaturation) -> torch.Tensor:
    """Add a number to the saturation."""
    return _shift_hsv(image, (0.0, section.delta, 0.0))


def value(image: torch.Tensor, section: parameters.RandomValue) -> torch.Tensor:
    """Add a number to the value."""
    return _shift_hsv(image, (0.0, 0.0, section.delta))


def hsv(image: torch.Tensor, section: parameters.RandomHsv) -> torch.Tensor:
    """Shift hue, saturation and value."""
    return _shift_hsv(image, (section.hue_delta, section.saturation_delta, section.value_delta))


def to_hsv(image: torch.Tensor, section: RandomFunction) -> torch.Tensor:
    """Put hue, saturation and value in the place of the colours."""
    return rgb_to_hsv(image)


def to_grayscale(image: torch.Tensor, section: RandomFunction) -> torch.Tensor:
    """Make the image grey, with three equal channels."""
    grey: torch.Tensor = functional.rgb_to_grayscale(image, num_output_channels=3)
    return grey


def invert(image: torch.Tensor, section: RandomFunction) -> torch.Tensor:
    """Make the negative."""
    return 1.0 - image


def solarize(image: torch.Tensor, section: RandomFunction) -> torch.Tensor:
    """Invert what is as light as a random threshold, or lighter."""
    return torch.where(image >= draw((0.0, 1.0)), 1.0 - image, image)


def equalize(image: torch.Tensor, section: RandomFunction) -> torch.Tensor:
    """Spread the histogram of each channel, in 8 bits."""
    return in_8_bits(image, ImageOps.equalize)


def autocontrast(image: torch.Tensor, section: parameters.RandomAutocontrast) -> torch.Tensor:
    """Stretch each channel to the full range, in 8 bits."""
    return in_8_bits(image, lambda picture: ImageOps.autocontrast(picture, cutoff=section.cutoff))


def sharpness(image: torch.Tensor, section: parameters.RandomSharpness) -> torch.Tensor:
    """Move the image away from its smoothed self."""
    sharper: torch.Tensor = functional.adjust_sharpness(image, 1.0 + draw(from_zero(section.factor)))
    return sharper


def posterize(image: torch.Tensor, section: parameters.RandomPosterize) -> torch.Tensor:
    """Keep the highest bits of 8."""
    bits = draw_whole(at_least_itself(section.bits))
    fewer: torch.Tensor = functional.posterize(_to_8_bits(image), bits)
    return fewer / PIXEL_MAX


def in_8_bits(image: torch.Tensor, change: Callable[[Image.Image], Image.Image]) -> torch.Tensor:
    """Return what Pillow makes of an image once its values are whole numbers from 0 to 255."""
    changed: torch.Tensor = functional.pil_to_tensor(change(functional.to_pil_image(_to_8_bits(image))))
    return changed / PIXEL_MAX


def _to_8_bits(image: torch.Tensor) -> torch.Tensor:
    return (image * PIXEL_MAX).round().to(torch.uint8)


def _shift_hsv(image: torch.Tensor, deltas: tuple[Span, Span, Span]) -> torch.Tensor:
    """Add to each channel of HSV; hue goes round, the others end at 0 and 1."""
    shift = torch.tensor([draw(around_zero(delta)) if delta else 0.0 for delta in deltas])
    shifted = rgb_to_hsv(image) + shift[:, None, None]
    return hsv_to_rgb(torch.cat([shifted[..., :1, :, :], shifted[..., 1:, :, :].clamp(0.0, 1.0)], -3))
