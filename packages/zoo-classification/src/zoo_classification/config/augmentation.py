"""Own the `data_augmentation` section: timm's keys beside ST's ordered list of functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from zoo_core.config.augmentation import FUNCTION_NAMES, OrderedFunctionsSection
from zoo_core.config.dialects.moves import is_nothing
from zoo_core.config.sections import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Probability, Share

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]

POLICIES = ("rand", "augmix", "original", "originalr", "v0", "v0r", "3a")
"""First words of the policies that timm's automatic augmentation knows."""

LISTED = (*FUNCTION_NAMES, "random_periodic_resizing")
"""Keys of ST's list; one of them switches timm's defaults off."""

TIMM_DEFAULTS: Mapping[str, Any] = {"crop_range": (0.08, 1.0), "hflip": 0.5, "color_jitter": 0.4, "smoothing": 0.1}
"""Defaults that ST documents for timm's keys; they hold unless one of ST's functions is listed."""


class DataAugmentationSection(OrderedFunctionsSection):
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
    """Copies of each image that follow each other, augmented differently; an epoch keeps its length."""
    aug_splits: NonNegativeInt = 0
    """Copies of each image in a batch, which grows by them: one only cropped and flipped, the others augmented."""
    jsd_loss: bool = False
    """Add the disagreement of the copies of `aug_splits` to the loss, as AugMix does."""
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
    """Never erase the first copy of `aug_splits`."""
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
    train_interpolation: Literal["random", "nearest", "bilinear", "bicubic", "box", "hamming", "lanczos"] | None = None
    """Resizing in training, where `random` draws bilinear or bicubic; as `preprocessing` says when absent."""
    drop: Rate | None = None
    """Dropout before the classifier; the model's own when absent."""
    drop_connect: Rate | None = None
    """Older name of `drop_path`."""
    drop_path: Rate | None = None
    """Stochastic depth: share of residual branches that are left out."""
    drop_block: Rate | None = None
    """Share of contiguous areas of feature maps that are left out."""

    @model_validator(mode="before")
    @classmethod
    def _choose_style(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "order" in data:
            return data
        if any(not is_nothing(data.get(name)) for name in LISTED):
            return data
        return {**TIMM_DEFAULTS, **data}

    @field_validator("color_jitter", mode="before")
    @classmethod
    def _nothing_is_no_jitter(cls, value: Any) -> Any:
        return 0.0 if is_nothing(value) else value

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

    @field_validator("aug_splits")
    @classmethod
    def _check_splits(cls, value: int) -> int:
        if value == 1:
            msg = "one copy is the image alone; set it to 2 or more, or to 0"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = (*_faults_of_losses(self), *_faults_of_splits(self))
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def mixes(self) -> bool:
        """Tell whether the images of a batch are mixed with each other."""
        on = self.mixup > 0 or self.cutmix > 0 or self.cutmix_minmax is not None
        return on and self.mixup_prob > 0


def _faults_of_losses(section: DataAugmentationSection) -> list[str]:
    faults = []
    if section.bce_target_thresh is not None and not section.bce_loss:
        faults.append("bce_target_thresh has no effect without bce_loss: True")
    if section.drop_connect is not None and section.drop_path is not None:
        faults.append("drop_connect is the older name of drop_path; give one of them")
    if section.jsd_loss and section.bce_loss:
        faults.append("jsd_loss and bce_loss are two losses; give one of them")
    if section.jsd_loss and not section.aug_splits:
        faults.append("jsd_loss compares the copies of aug_splits; set that to 2 or more, 3 is usual")
    return faults


def _faults_of_splits(section: DataAugmentationSection) -> list[str]:
    if not section.aug_splits:
        return ["resplit has no effect without aug_splits"] if section.resplit else []
    faults = []
    if section.no_aug:
        faults.append("no_aug makes all copies of aug_splits alike; remove one of them")
    if section.mixes:
        faults.append("mixup and cutmix cannot mix the copies of aug_splits; switch one of them off")
    if section.resplit and not section.reprob:
        faults.append("resplit has no effect without reprob")
    return faults
