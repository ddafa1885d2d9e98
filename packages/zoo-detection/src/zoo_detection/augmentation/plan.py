"""Own what an augmentation does: every number, whether the user's file or a recipe gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zoo_detection.config import DetectionAugmentationSection

YOLOD = "yolod"
SSD = "ssd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """State every probability and range; the values below change nothing."""

    mosaic: float = 0.0
    """Probability that four images are joined into one."""
    mosaic_scale: tuple[float, float] = (0.5, 1.5)
    mixup: float = 0.0
    """Probability that a joined image is blended with another one."""
    mixup_scale: tuple[float, float] = (0.5, 1.5)
    degrees: float = 0.0
    translate: float = 0.0
    """Share of the image's size."""
    shear: float = 0.0
    """Degrees."""
    hsv: float = 0.0
    flip: float = 0.0
    multiscale_range: int = 0
    """Steps of 32 pixels to either side."""
    random_size: tuple[int, int] | None = None
    """Smallest and largest height of a batch in steps of 32 pixels."""
    photometric: float = 0.0
    """Probability of each change of brightness, contrast, saturation, hue and channel order."""
    expand: float = 0.0
    expand_ratio: float = 4.0
    iou_crop: float = 0.0

    @classmethod
    def resolve(cls, section: DetectionAugmentationSection | None, preset: str) -> Augmentation:
        """Return what a section says, and what the recipe `preset` says where the section is silent.

        Recipes are `yolod`, `ssd`, and for any other name none: nothing is changed.
        """
        recipe = PRESETS.get(preset, NOTHING)
        if section is None:
            return recipe
        if section.no_aug:
            return NOTHING
        given = {field: getattr(section, key) for key, field in FIELDS.items()}
        plan = replace(recipe, **{field: value for field, value in given.items() if value is not None})
        mixup = 1.0 if section.mixup_prob is None else section.mixup_prob
        return replace(plan, mixup=mixup if section.enable_mixup else 0.0)

    @property
    def changes_images(self) -> bool:
        """Tell whether single images are changed at all."""
        return any((self.mosaic, self.hsv, self.flip, self.photometric, self.expand, self.iou_crop))

    @property
    def turns(self) -> bool:
        """Tell whether joined images are rotated or sheared."""
        return self.degrees > 0 or self.shear > 0


FIELDS: Mapping[str, str] = {
    "mosaic_prob": "mosaic",
    "mosaic_scale": "mosaic_scale",
    "mixup_scale": "mixup_scale",
    "degrees": "degrees",
    "translate": "translate",
    "shear": "shear",
    "hsv_prob": "hsv",
    "flip_prob": "flip",
    "multiscale_range": "multiscale_range",
    "random_size": "random_size",
    "photometric_prob": "photometric",
    "expand_prob": "expand",
    "expand_ratio": "expand_ratio",
    "iou_crop_prob": "iou_crop",
}
"""Key of the section -> field of the plan."""

NOTHING = Augmentation()
PRESETS: Mapping[str, Augmentation] = {
    YOLOD: Augmentation(mosaic=1.0, degrees=10.0, translate=0.1, shear=2.0, hsv=1.0, flip=0.5, multiscale_range=5),
    SSD: Augmentation(flip=0.5, photometric=0.5, expand=0.5, iou_crop=0.857),
}
