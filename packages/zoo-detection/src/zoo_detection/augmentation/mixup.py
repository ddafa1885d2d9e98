"""Own the blending of a scene with another image of the data set."""

from __future__ import annotations

from PIL.Image import Resampling

from zoo_core.data.augmentation.draws import draw, draw_whole
from zoo_core.errors import UnreadableImageError
from zoo_detection.augmentation.chance import happens
from zoo_detection.augmentation.mosaic import SHARE, TRIES
from zoo_detection.augmentation.painting import paint
from zoo_detection.augmentation.pictures import Picture, Pictures
from zoo_detection.augmentation.scene import Scene, grey_canvas
from zoo_detection.boxes import carried, placing

MIRRORED = 0.5


class Mixup:
    """Blend in half of another image, scaled, placed and mirrored at random.

    Zhang et al., "mixup", 2018, in the form of Ge et al., "YOLOX", 2021, where the boxes of both images count in full.
    """

    def __init__(self, scales: tuple[float, float], resampling: Resampling) -> None:
        self._scales = scales
        self._resampling = resampling

    def __call__(self, scene: Scene, pictures: Pictures) -> Scene:
        """Return a scene of the same size; the given one when no image with boxes is found that can be read."""
        for _ in range(TRIES):
            partner = pictures.at(draw_whole((0, len(pictures) - 1)))
            if not len(partner.labels):
                continue
            try:
                return scene.blended(self._placed(partner, scene))
            except UnreadableImageError:
                continue
        return scene

    def _placed(self, partner: Picture, scene: Scene) -> Scene:
        size, (width, height) = scene.image.size, partner.labels.size
        ratio = draw(self._scales) * min(size[0] / width, size[1] / height)
        sides = max(1, round(width * ratio)), max(1, round(height * ratio))
        corner = _corner(size[0] - sides[0]), _corner(size[1] - sides[1])
        scale = sides[0] / width, sides[1] / height
        canvas = grey_canvas(scene.image.mode, size)
        paint(canvas, partner, scale, corner, self._resampling)
        placed = Scene(canvas, carried(partner.labels, placing(scale, corner), size, share=SHARE))
        return placed.mirrored() if happens(MIRRORED) else placed


def _corner(spare: int) -> int:
    """Draw where a line begins that is shorter by `spare` pixels than the output, or longer when negative."""
    return draw_whole((min(0, spare), max(0, spare)))
