"""Change training images at random by ST's functions; boxes, keypoints and masks go along.

Built on torchvision's transforms v2: a sample is any nesting of lists, tuples and dictionaries that holds one
`tv_tensors.Image`, or one plain tensor, of float32, shape (C, H, W) and values in [0, 1]; and beside it
`BoundingBoxes`, `KeyPoints` and `Mask` of the same canvas. Everything else passes through. All random numbers come
from torch's global generator.
"""

from zoo_core.data.augmentation.ordered import OrderedFunctions
from zoo_core.data.augmentation.sizes import PeriodicSizes

__all__ = ["OrderedFunctions", "PeriodicSizes"]
