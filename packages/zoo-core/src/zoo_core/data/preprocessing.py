"""Own the way from an image file's pixels to a model's input, the same for every service.

Tensor letters: C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from PIL.Image import Resampling

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UnreadableImageError, UserError

if TYPE_CHECKING:
    from zoo_core.config.sections import PreprocessingSection

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

PIXEL_MAX = 255.0

RESAMPLING: dict[str, Resampling] = {
    "nearest": Resampling.NEAREST,
    "bilinear": Resampling.BILINEAR,
    "bicubic": Resampling.BICUBIC,
    "area": Resampling.BOX,
    "lanczos3": Resampling.LANCZOS,
    "lanczos5": Resampling.LANCZOS,
    "gaussian": Resampling.HAMMING,
    "mitchellcubic": Resampling.BICUBIC,
    "random": Resampling.BILINEAR,
}
"""Pillow's filter for each documented interpolation. All but `nearest` widen their support when an image shrinks
(antialiasing). Pillow has no five-lobed Lanczos, Gaussian or Mitchell filter; the nearest relative stands in. `random`
is for augmentation and means `bilinear` everywhere else."""

ASPECT_RATIOS = ("fit", "crop", "padding", "full_screen")
CHANNELS = {"grayscale": 1, "rgb": 3, "bgr": 3, "rgba": 4}
_PIL_MODES = {"grayscale": "L", "rgb": "RGB", "bgr": "RGB", "rgba": "RGBA"}
_DEFAULT_COLOR_MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}


@dataclass(frozen=True, slots=True)
class Placement:
    """State where a resized image lies on the model's input, to carry boxes and keypoints there and back.

    A point (x, y) of the original is at (x * scale_x + left, y * scale_y + top) on the input; all in pixels.
    `left` and `top` are negative where the image was cropped.
    """

    width: int
    """Width of the resized image before cropping or padding."""
    height: int
    scale_x: float
    scale_y: float
    left: int
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePreprocessing:
    """Convert the colours, resize, rescale and normalise: `((pixel * scale + offset) - mean) / std`.

    Pixels are 8 bit, 0 to 255; images of 16 bit are brought to that range first.
    """

    input: InputSpec
    scale: float = 1 / 255
    offset: float = 0.0
    mean: tuple[float, ...] = (0.0,)
    """One value per channel in the order of the channels, or one for all."""
    std: tuple[float, ...] = (1.0,)
    interpolation: str = "bilinear"
    aspect_ratio: str = "fit"
    """`fit` and `full_screen` stretch; `crop` keeps the middle; `padding` adds black borders."""
    color_mode: str = "rgb"

    def __post_init__(self) -> None:
        """Refuse settings that contradict each other and spread single values over the channels.

        Raises:
            UserError: When names are unknown, or counts differ from the model's channels.
        """
        _check_choice("resizing.interpolation", self.interpolation, RESAMPLING)
        _check_choice("resizing.aspect_ratio", self.aspect_ratio, ASPECT_RATIOS)
        _check_choice("color_mode", self.color_mode, CHANNELS)
        channels = CHANNELS[self.color_mode]
        if channels != self.input.channels:
            msg = (
                f"preprocessing.color_mode is {self.color_mode} ({channels} channels), "
                f"but the model's input is {self.input} ({self.input.channels} channels)."
            )
            raise UserError(msg, hint="Change preprocessing.color_mode or model.input_shape so that they agree.")
        object.__setattr__(self, "mean", _per_channel("mean", self.mean, channels))
        object.__setattr__(self, "std", _per_channel("std", self.std, channels))
        if not all(value > 0 for value in self.std):
            msg = f"preprocessing.normalization.std must be greater than 0, not {self.std}."
            raise UserError(msg)

    @classmethod
    def from_config(
        cls, section: PreprocessingSection, input: InputSpec, *, imagenet_default: bool = True
    ) -> ImagePreprocessing:
        """Build from the `preprocessing` section.

        Without mean or std, images of three channels that are rescaled to [0, 1] are normalised by ImageNet's
        values when `imagenet_default` is set; all others are not normalised.

        Raises:
            UserError: When the section and the model's input contradict each other.
        """
        color_mode = section.color_mode or _DEFAULT_COLOR_MODES.get(input.channels)
        if color_mode is None:
            msg = f"A model input of {input.channels} channels cannot be fed with images; 1, 3 and 4 can."
            raise UserError(msg, hint="Set model.input_shape to (channels, height, width).")
        scale, offset = section.rescaling.scale, section.rescaling.offset
        mean, std = _default_normalization(color_mode, scale, offset, imagenet_default=imagenet_default)
        given = section.normalization
        return cls(
            input=input,
            scale=scale,
            offset=offset,
            mean=mean if given.mean is None else _as_tuple(given.mean),
            std=std if given.std is None else _as_tuple(given.std),
            interpolation=section.resizing.interpolation,
            aspect_ratio=section.resizing.aspect_ratio,
            color_mode=color_mode,
        )

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return the model's input for an image: float32, shape (C, H, W).

        Raises:
            UnreadableImageError: When the image's mode cannot be converted.
        """
        return self.to_tensor(self.resize(self.convert(image)))

    def convert(self, image: Image.Image) -> Image.Image:
        """Return the image with the colours the model takes, 8 bit per channel (`bgr` is still in RGB order).

        Transparency is dropped as other tools do; palettes are resolved; 16-bit and 32-bit integers are taken as
        0 to 65535, floating-point pixels as 0 to 255.

        Raises:
            UnreadableImageError: When the image's mode cannot be converted.
        """
        mode = _PIL_MODES[self.color_mode]
        try:
            if image.mode in ("I", "F") or image.mode.startswith("I;"):
                image = _to_8_bit(image)
            elif image.mode in ("P", "PA"):
                image = image.convert("RGBA")
            return image if image.mode == mode else image.convert(mode)
        except ValueError as error:
            path = str(getattr(image, "filename", "")) or "image"
            raise UnreadableImageError(path, f"its colours ({image.mode}) cannot be converted to {mode}") from error

    def placement(self, width: int, height: int) -> Placement:
        """Return where an image of this size, in pixels, comes to lie on the model's input."""
        to_width, to_height = self.input.width, self.input.height
        if self.aspect_ratio in ("fit", "full_screen"):
            return Placement(to_width, to_height, to_width / width, to_height / height, 0, 0)
        choose = max if self.aspect_ratio == "crop" else min
        ratio = choose(to_width / width, to_height / height)
        inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
        return Placement(
            inner_width,
            inner_height,
            inner_width / width,
            inner_height / height,
            (to_width - inner_width) // 2,
            (to_height - inner_height) // 2,
        )

    def resize(self, image: Image.Image) -> Image.Image:
        """Return the image in the model's size, by the chosen interpolation and treatment of the aspect ratio."""
        place = self.placement(image.width, image.height)
        if image.size != (place.width, place.height):
            image = image.resize((place.width, place.height), RESAMPLING[self.interpolation])
        if (place.width, place.height) == (self.input.width, self.input.height):
            return image
        canvas = Image.new(image.mode, (self.input.width, self.input.height))
        canvas.paste(image, (place.left, place.top))
        return canvas

    def to_tensor(self, image: Image.Image) -> torch.Tensor:
        """Rescale and normalise an image of the model's colours: float32, shape (C, H, W) of the image's own size."""
        pixels = np.asarray(image, dtype=np.uint8)
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels  # noqa: PLR2004 - grey images have no channel axis
        if self.color_mode == "bgr":
            pixels = pixels[:, :, ::-1]
        return self.normalize(torch.from_numpy(np.array(pixels.transpose(2, 0, 1))))

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Rescale and normalise pixel values 0 to 255 of shape (..., C, H, W); returns float32 of that shape."""
        mean = torch.tensor(self.mean, dtype=torch.float64)
        std = torch.tensor(self.std, dtype=torch.float64)
        factor = (self.scale / std).float()[:, None, None]
        shift = ((self.offset - mean) / std).float()[:, None, None]
        return torch.addcmul(shift.to(pixels.device), pixels.float(), factor.to(pixels.device))

    def to_image(self, tensor: torch.Tensor) -> Image.Image:
        """Return the picture that a model input of shape (C, H, W) shows; values that no pixel has are clipped."""
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        pixels = ((tensor.cpu() * std + mean - self.offset) / self.scale).round().clamp(0, PIXEL_MAX)
        if self.color_mode == "bgr":
            pixels = pixels.flip(0)
        array = pixels.to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(array[:, :, 0] if len(tensor) == 1 else array)

    def value_range(self) -> tuple[tuple[float, float], ...]:
        """Return the lowest and highest value of each channel that an image can have."""
        ranges = []
        for mean, std in zip(self.mean, self.std, strict=True):
            ends = ((self.offset - mean) / std, (self.scale * PIXEL_MAX + self.offset - mean) / std)
            ranges.append((min(ends), max(ends)))
        return tuple(ranges)

    def to_metadata(self) -> dict[str, Any]:
        """Return the JSON-able description from which `from_metadata` builds an equal object."""
        return {
            "input": list(self.input.shape),
            "color_mode": self.color_mode,
            "scale": self.scale,
            "offset": self.offset,
            "mean": list(self.mean),
            "std": list(self.std),
            "interpolation": self.interpolation,
            "aspect_ratio": self.aspect_ratio,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> ImagePreprocessing:
        """Build from the description inside a model file.

        Raises:
            UserError: When the description is incomplete or not of this form.
        """
        try:
            channels, height, width = (int(size) for size in metadata["input"])
            return cls(
                input=InputSpec(channels, height, width),
                scale=float(metadata["scale"]),
                offset=float(metadata["offset"]),
                mean=tuple(float(value) for value in metadata["mean"]),
                std=tuple(float(value) for value in metadata["std"]),
                interpolation=str(metadata["interpolation"]),
                aspect_ratio=str(metadata["aspect_ratio"]),
                color_mode=str(metadata["color_mode"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            msg = f"The model's description of its preprocessing cannot be used: {type(error).__name__} {error}."
            raise UserError(msg, hint="The file was not written by zoo, or by another version of it.") from error


def _default_normalization(
    color_mode: str, scale: float, offset: float, *, imagenet_default: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    to_unit_range = isclose(scale * PIXEL_MAX, 1.0, rel_tol=1e-3) and offset == 0.0
    if imagenet_default and to_unit_range and color_mode in ("rgb", "bgr"):
        step = -1 if color_mode == "bgr" else 1
        return IMAGENET_MEAN[::step], IMAGENET_STD[::step]
    return (0.0,), (1.0,)


def _as_tuple(value: tuple[float, ...] | float) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


def _per_channel(name: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) == 1:
        return tuple(values) * channels
    if len(values) != channels:
        msg = f"preprocessing.normalization.{name} has {len(values)} values, but the model takes {channels} channels."
        raise UserError(msg, hint=f"Give {channels} values, or one for all channels.")
    return tuple(values)


def _check_choice(key: str, value: str, legal: Sequence[str] | Mapping[str, Any]) -> None:
    if value not in legal:
        msg = f'preprocessing.{key} is "{value}"; expected one of {", ".join(legal)}.'
        raise UserError(msg)


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    if image.mode != "F":
        values = values / 257.0  # 65535 becomes 255
    return Image.fromarray(np.clip(np.rint(values), 0, PIXEL_MAX).astype(np.uint8))
