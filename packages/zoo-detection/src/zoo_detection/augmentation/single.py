"""Own the way of a single image to the model's input: through a view, as in evaluation but for what is changed."""

from __future__ import annotations

from PIL import Image
from PIL.Image import Resampling

from zoo_core.data.preprocessing import RESAMPLING, ImagePreprocessing
from zoo_detection.augmentation.chance import happens
from zoo_detection.augmentation.hsv import HsvChange
from zoo_detection.augmentation.painting import paint
from zoo_detection.augmentation.photometric import distort
from zoo_detection.augmentation.pictures import Picture
from zoo_detection.augmentation.plan import Augmentation
from zoo_detection.augmentation.scene import Scene
from zoo_detection.augmentation.view import View, cropped, expanded
from zoo_detection.boxes import carried, placing

SURROUNDINGS = (123, 117, 104)
"""Colour of what an expanded view sees around the image: the mean of ImageNet, as SSDs are trained with."""
DETAIL = 2.0
"""How much larger than needed images are decoded, so that the result is that of full decoding but for a trace."""


class Single:
    """Place a picture on the model's input, expanded, cropped and with other colours as the plan says."""

    def __init__(self, plan: Augmentation, preprocessing: ImagePreprocessing, mode: str) -> None:
        self._plan = plan
        self._preprocessing = preprocessing
        self._mode = mode
        self._resampling: Resampling = RESAMPLING[preprocessing.interpolation]

    def __call__(self, picture: Picture) -> Scene:
        """Return the scene of the input's size.

        Raises:
            UnreadableImageError: When the image cannot be read.
        """
        labels = picture.labels
        view = View.whole(labels)
        if happens(self._plan.expand):
            view = expanded(view, self._plan.expand_ratio)
        if happens(self._plan.iou_crop):
            view = cropped(view, labels)
        return self._seen(picture, view)

    def _seen(self, picture: Picture, view: View) -> Scene:
        place = self._preprocessing.placement(view.width, view.height)
        size = self._preprocessing.input.width, self._preprocessing.input.height
        scale = place.scale_x, place.scale_y
        corner = place.left - view.left * scale[0], place.top - view.top * scale[1]
        frame = (
            max(0, place.left),
            max(0, place.top),
            min(size[0], place.left + place.width),
            min(size[1], place.top + place.height),
        )
        inner = Image.new(self._mode, (frame[2] - frame[0], frame[3] - frame[1]), surroundings(self._mode))
        begin = corner[0] - frame[0], corner[1] - frame[1]
        part = paint(inner, picture, scale, begin, self._resampling, detail=DETAIL)
        if part is not None:
            inner.paste(self._coloured(inner.crop(part)), part[:2])
        labels = carried(view.seen(picture.labels), placing(scale, corner), size, region=frame)
        if inner.size == size:
            return Scene(inner, labels)
        canvas = Image.new(self._mode, size)
        canvas.paste(inner, frame[:2])
        return Scene(canvas, labels)

    def _coloured(self, image: Image.Image) -> Image.Image:
        """Change the colours of the image alone, not of what surrounds it."""
        if self._plan.photometric:
            image = distort(image, self._plan.photometric)
        return HsvChange.drawn()(image) if happens(self._plan.hsv) else image


def surroundings(mode: str) -> int | tuple[int, ...]:
    """Return the colour around an image as a colour of a mode; opaque where there is transparency."""
    if mode == "L":
        return round(sum(SURROUNDINGS) / len(SURROUNDINGS))
    return SURROUNDINGS + (255,) * (mode == "RGBA")
