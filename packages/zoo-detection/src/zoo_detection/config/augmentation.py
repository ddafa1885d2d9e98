"""Own the `data_augmentation` section of detectors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from zoo_core.config.section import Section
from zoo_core.config.sections import NonNegativeFloat, NonNegativeInt, PositiveInt, Probability

Scales = tuple[Annotated[float, Field(gt=0.0)], Annotated[float, Field(gt=0.0)]]


class DetectionAugmentationSection(Section):
    """Change training images and their boxes; a key that is absent has the value that the trainer's recipe gives it.

    Defaults of the trainer `yolod` / `ssd` / any other stand behind each key.
    """

    no_aug: bool = False
    """Change nothing at all."""
    mosaic_prob: Probability | None = None
    """Probability that four images are joined into one; 1.0 / 0 / 0."""
    mosaic_scale: Scales | None = None
    """Range of the scale of joined images; (0.5, 1.5)."""
    enable_mixup: bool | None = None
    """Blend joined images with another one, with `mixup_prob`; False."""
    mixup_prob: Probability | None = None
    """Probability of blending where `enable_mixup` is set; 1.0."""
    mixup_scale: Scales | None = None
    """Range of the scale of the image that is blended in; (0.5, 1.5)."""
    degrees: NonNegativeFloat | None = None
    """Largest rotation of joined images, in degrees to either side; 10 / 0 / 0."""
    translate: NonNegativeFloat | None = None
    """Largest shift of joined images, as a share of the image's size; 0.1 / 0 / 0."""
    shear: NonNegativeFloat | None = None
    """Largest shear of joined images, in degrees to either side; 2 / 0 / 0."""
    hsv_prob: Probability | None = None
    """Probability of changed hue, saturation and value; 1.0 / 0 / 0."""
    flip_prob: Probability | None = None
    """Probability of mirroring left and right; 0.5 / 0.5 / 0."""
    multiscale_range: NonNegativeInt | None = None
    """Steps of 32 pixels by which the size of a batch varies to either side; 0 keeps it. 5 / 0 / 0."""
    random_size: tuple[PositiveInt, PositiveInt] | None = None
    """Smallest and largest height of a batch in steps of 32 pixels, in place of `multiscale_range`."""
    photometric_prob: Probability | None = None
    """Probability of each change of brightness, contrast, saturation, hue and channel order; 0 / 0.5 / 0."""
    expand_prob: Probability | None = None
    """Probability of placing the image on a larger canvas; 0 / 0.5 / 0."""
    expand_ratio: Annotated[float, Field(ge=1.0)] | None = None
    """Largest side of that canvas, in sides of the image; 4."""
    iou_crop_prob: Probability | None = None
    """Probability of cutting out a part that overlaps boxes by a drawn IoU; 0 / 0.857 / 0."""

    @field_validator("mosaic_scale", "mixup_scale")
    @classmethod
    def _in_order(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] > value[1]:
            msg = f"the smaller number comes first; expected ({value[1]}, {value[0]})"
            raise ValueError(msg)
        return value
