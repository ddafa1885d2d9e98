"""Own the parameters of the function that changes the size of all training images from time to time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from zoo_core.config.expressions import evaluate
from zoo_core.config.limits import PositiveInt
from zoo_core.config.section import Section


def _join_pieces(value: Any) -> Any:
    """Read `[(192,192), (224,224)]`, which YAML cuts at every comma into texts."""
    if not isinstance(value, list | tuple) or not any(isinstance(item, str) for item in value):
        return value
    text = ",".join(str(item) for item in value)
    try:
        return evaluate(f"({text},)")
    except ValueError:
        return value


Sizes = Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], BeforeValidator(_join_pieces), Field(min_length=1)]


class RandomPeriodicResizing(Section):
    """Train on images of several sizes: one for all images of some epochs, then the next one that is drawn.

    The other functions act on images that have this size already, wherever this one stands in the list.
    """

    image_sizes: Sizes
    """Sizes (height, width) in pixels, each a multiple of the network's stride."""
    period: PositiveInt = 1
    """Number of epochs of one size."""
    interpolation: Literal[
        "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"
    ] = "bilinear"
    """How pixels between pixels are computed, in place of `preprocessing.resizing.interpolation`."""
