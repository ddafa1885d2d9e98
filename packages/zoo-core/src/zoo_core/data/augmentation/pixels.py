"""Own the functions that degrade images, on shape (C, H, W) with values in [0, 1] and 1 or 3 channels."""

from __future__ import annotations

import io

import torch
from PIL import Image
from torch.nn.functional import avg_pool2d, pad

from zoo_core.config.augmentation import pixels as parameters
from zoo_core.config.augmentation.spans import at_least_itself
from zoo_core.data.augmentation.colours import in_8_bits
from zoo_core.data.augmentation.draws import draw, draw_whole
from zoo_core.data.preprocessing import PIXEL_MAX


def blur(image: torch.Tensor, section: parameters.RandomBlur) -> torch.Tensor:
    """Take the mean over squares of one size."""
    size = draw_whole(at_least_itself(section.filter_size))
    before, after = (size - 1) // 2, size // 2
    if section.padding == "constant":
        larger = pad(image, (before, after, before, after), value=section.constant_values)
    else:
        rows, columns = (
            _mirrored(length, before, after, edge_twice=section.padding == "symmetric") for length in image.shape[-2:]
        )
        larger = image[..., rows, :][..., columns]
    return avg_pool2d(larger, size, stride=1).clamp(0.0, 1.0)


def gaussian_noise(image: torch.Tensor, section: parameters.RandomGaussianNoise) -> torch.Tensor:
    """Add independent noise to every value."""
    deviation = draw(at_least_itself(section.stddev))
    return (image + deviation * torch.randn(image.shape)).clamp(0.0, 1.0)


def jpeg_quality(image: torch.Tensor, section: parameters.RandomJpegQuality) -> torch.Tensor:
    """Compress as JPEG and decompress; qualities below 1 do not exist."""
    quality = max(1, draw_whole(at_least_itself(section.jpeg_quality)))

    def compress(picture: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        compressed = Image.open(stream)
        compressed.load()
        return compressed

    return in_8_bits(image, compress)


def rectangle_erasing(image: torch.Tensor, section: parameters.RandomRectangleErasing) -> torch.Tensor:
    """Fill rectangles; of a proportion with which the area does not fit into the image the nearest one is taken."""
    image = image.clone()
    height, width = image.shape[-2:]
    for _ in range(draw_whole(at_least_itself(section.nrec))):
        area = draw(at_least_itself(section.area)) * height * width
        ratio = draw(at_least_itself(section.wh_ratio))
        ratio = min(max(ratio, area / height**2), width**2 / area)
        size_y, size_x = max(1, round((area / ratio) ** 0.5)), max(1, round((area * ratio) ** 0.5))
        top, left = draw_whole((0, height - size_y)), draw_whole((0, width - size_x))
        _fill(image[..., top : top + size_y, left : left + size_x], section)
    return image


def grid_cell_erasing(image: torch.Tensor, section: parameters.RandomGridCellErasing) -> torch.Tensor:
    """Fill cells of a grid."""
    image = image.clone()
    height, width = image.shape[-2:]
    erased = torch.rand(section.ncells_y, section.ncells_x) < section.erasing_prob
    for row, column in erased.nonzero().tolist():
        top, bottom = (round(edge * height / section.ncells_y) for edge in (row, row + 1))
        left, right = (round(edge * width / section.ncells_x) for edge in (column, column + 1))
        _fill(image[..., top:bottom, left:right], section)
    return image


def _fill(area: torch.Tensor, section: parameters.RandomRectangleErasing | parameters.RandomGridCellErasing) -> None:
    channels = len(area)
    if section.fill_method == "mosaic":
        area.copy_(torch.rand(area.shape))
    elif section.fill_method == "random":
        area.copy_(torch.rand(channels, 1, 1).expand_as(area))
    else:
        colour = section.color or 0
        values = torch.tensor(colour if isinstance(colour, tuple) else (colour,) * channels)
        area.copy_((values / PIXEL_MAX)[:, None, None].expand_as(area))


def _mirrored(length: int, before: int, after: int, *, edge_twice: bool) -> torch.Tensor:
    """Return the indices of a line that goes on as its mirror image on both sides, however far."""
    places = torch.arange(-before, length + after)
    period = 2 * length if edge_twice else max(1, 2 * (length - 1))
    places = torch.remainder(places, period)
    return torch.minimum(places, period - (1 if edge_twice else 0) - places)
