"""Own the `data_augmentation` section: timm's keys and ST's ordered list of functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from zoo_classification.config.functions import (
    NotAvailable,
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomFunction,
    RandomGaussianNoise,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from zoo_core.config.section import Section
from zoo_core.config.sections import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Share
from zoo_core.config.values import NOTHING

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]

POLICIES = ("rand", "augmix", "original", "originalr", "v0", "v0r", "3a")
"""First words of the policies that timm's automatic augmentation knows."""

AVAILABLE = (
    "random_flip",
    "random_translation",
    "random_rotation",
    "random_shear",
    "random_zoom",
    "random_contrast",
    "random_brightness",
    "random_gaussian_noise",
)

TIMM_DEFAULTS: Mapping[str, Any] = {"crop_range": (0.08, 1.0), "hflip": 0.5, "color_jitter": 0.4, "smoothing": 0.1}
"""Defaults that ST documents for timm's keys; they hold unless one of ST's functions is listed."""


class DataAugmentationSection(Section):
    """Change training images at random, in one of two styles that may be mixed.

    timm's keys have the defaults that ST documents. Once one of ST's functions (`random_...`) is listed,
    those defaults no longer hold and only what is written acts: first timm's keys, then the functions in
    the order of the file.
    """

    no_aug: bool = False
    """Switch every change of the images off; the loss and `drop...` keys still act."""
    crop_range: tuple[Share, Share] | None = None
    """Area of the random crop as a share of the image; [0.08, 1.0] in timm's style, null is no crop."""
    ratio: tuple[PositiveFloat, PositiveFloat] = (0.75, 1.33)
    """Width to height of the random crop."""
    hflip: Probability = 0.0
    """Probability of a horizontal flip; 0.5 in timm's style."""
    vflip: Probability = 0.0
    """Probability of a vertical flip."""
    color_jitter: NonNegativeFloat | tuple[NonNegativeFloat, ...] = 0.0
    """Strength of brightness, contrast and saturation jitter, or one for each; 0.4 in timm's style."""
    aa: str | None = None
    """Automatic augmentation in timm's notation, such as `rand-m9-mstd0.5`; replaces `color_jitter`."""
    aug_repeats: NonNegativeInt = 0
    """Copies of each image in an epoch; only 0 is available yet."""
    aug_splits: NonNegativeInt = 0
    """Differently augmented copies in a batch; only 0 is available yet."""
    jsd_loss: bool = False
    """Loss on the agreement of such copies; not available yet."""
    bce_loss: bool = False
    """Train with binary cross-entropy, one decision per class."""
    bce_target_thresh: Probability | None = None
    """Turn soft targets above this into 1 and others into 0."""
    reprob: Probability = 0.0
    """Probability of erasing a rectangle."""
    remode: Literal["const", "rand", "pixel"] = "pixel"
    """Fill of the rectangle: zero, one random colour, random pixels; in normalised units."""
    recount: PositiveInt = 1
    """Largest number of rectangles in an image."""
    resplit: bool = False
    """Leave the first copy unerased; not available yet."""
    mixup: NonNegativeFloat = 0.0
    """Alpha of mixup; 0 is off."""
    cutmix: NonNegativeFloat = 0.0
    """Alpha of cutmix; 0 is off."""
    cutmix_minmax: tuple[Probability, Probability] | None = None
    """Range of the pasted rectangle's sides as shares of the image; replaces `cutmix`."""
    mixup_prob: Probability = 1.0
    """Probability that a batch, or an element, is mixed."""
    mixup_switch_prob: Probability = 0.5
    """Probability of cutmix when both are on."""
    mixup_mode: Literal["batch", "pair", "elem"] = "batch"
    """Draw the mixing per batch, per pair or per element."""
    smoothing: Rate = 0.0
    """Label smoothing; 0.1 in timm's style."""
    train_interpolation: Literal["random", "nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"] = "random"
    """Resizing of the random crop; `random` draws bilinear or bicubic."""
    drop: Rate | None = None
    """Dropout before the classifier; the model's own when absent."""
    drop_connect: Rate | None = None
    """Older name of `drop_path`."""
    drop_path: Rate | None = None
    """Stochastic depth: share of residual branches that are left out."""
    drop_block: Rate | None = None
    """Share of contiguous areas of feature maps that are left out."""

    random_flip: RandomFlip | None = None
    random_translation: RandomTranslation | None = None
    random_rotation: RandomRotation | None = None
    random_shear: RandomShear | None = None
    random_zoom: RandomZoom | None = None
    random_contrast: RandomContrast | None = None
    random_brightness: RandomBrightness | None = None
    random_gaussian_noise: RandomGaussianNoise | None = None
    random_shear_x: NotAvailable = None
    random_shear_y: NotAvailable = None
    random_bounded_crop: NotAvailable = None
    random_crop: NotAvailable = None
    random_gamma: NotAvailable = None
    random_hue: NotAvailable = None
    random_saturation: NotAvailable = None
    random_value: NotAvailable = None
    random_hsv: NotAvailable = None
    random_rgb_to_hsv: NotAvailable = None
    random_rgb_to_grayscale: NotAvailable = None
    random_sharpness: NotAvailable = None
    random_posterize: NotAvailable = None
    random_invert: NotAvailable = None
    random_solarize: NotAvailable = None
    random_autocontrast: NotAvailable = None
    random_blur: NotAvailable = None
    random_jpeg_quality: NotAvailable = None
    random_rectangle_erasing: NotAvailable = None
    random_periodic_resizing: NotAvailable = None
    order: tuple[str, ...] = ()
    """Functions in the order in which they act; taken from the file."""

    @model_validator(mode="before")
    @classmethod
    def _choose_style(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "order" in data:
            return data
        listed = tuple(key for key in data if key in AVAILABLE and data[key] is not None)
        return {**({} if listed else TIMM_DEFAULTS), **data, "order": listed}

    @field_validator("color_jitter", mode="before")
    @classmethod
    def _nothing_is_no_jitter(cls, value: Any) -> Any:
        empty = value is None or (isinstance(value, str) and value.strip().casefold() in NOTHING)
        return 0.0 if empty else value

    @field_validator("mixup_mode", mode="before")
    @classmethod
    def _accept_long_name(cls, value: Any) -> Any:
        return "elem" if value == "element" else value

    @field_validator("crop_range", "ratio", "cutmix_minmax")
    @classmethod
    def _check_range(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            msg = f"the first number must not be greater than the second, got {list(value)}"
            raise ValueError(msg)
        return value

    @field_validator("color_jitter")
    @classmethod
    def _check_jitter(cls, value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if isinstance(value, tuple) and len(value) not in (3, 4):
            msg = "expected one number, or three (brightness, contrast, saturation), or four with hue"
            raise ValueError(msg)
        return value

    @field_validator("aa")
    @classmethod
    def _check_policy(cls, value: str | None) -> str | None:
        if value is not None and value.split("-")[0] not in POLICIES:
            msg = f'"{value}" is no policy; it starts with one of {", ".join(POLICIES)}, such as rand-m9-mstd0.5'
            raise ValueError(msg)
        return value

    @field_validator("aug_repeats", "aug_splits", "jsd_loss", "resplit")
    @classmethod
    def _refuse_repeats(cls, value: float) -> float:
        if value:
            msg = (
                "several augmented copies of one image in a batch are not available yet; remove the key or set it to 0"
            )
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.bce_target_thresh is not None and not self.bce_loss:
            msg = "bce_target_thresh has no effect without bce_loss: True"
            raise ValueError(msg)
        if self.drop_connect is not None and self.drop_path is not None:
            msg = "drop_connect is the older name of drop_path; give one of them"
            raise ValueError(msg)
        listed = {name for name in AVAILABLE if getattr(self, name) is not None}
        if set(self.order) != listed or len(self.order) != len(listed):
            msg = f"order must name each listed function once: {', '.join(sorted(listed)) or 'none is listed'}"
            raise ValueError(msg)
        return self

    @property
    def functions(self) -> tuple[tuple[str, RandomFunction], ...]:
        """Return ST's functions with their parameters in the order in which they act."""
        return tuple((name, getattr(self, name)) for name in self.order)
