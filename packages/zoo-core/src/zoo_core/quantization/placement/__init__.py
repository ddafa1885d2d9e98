"""Decide where in a graph other numbers than 8-bit integers are needed."""

from zoo_core.quantization.placement.activations import fuse_activations
from zoo_core.quantization.placement.placing import Placement, place
from zoo_core.quantization.placement.precision import narrow, widen

__all__ = ["Placement", "fuse_activations", "narrow", "place", "widen"]
