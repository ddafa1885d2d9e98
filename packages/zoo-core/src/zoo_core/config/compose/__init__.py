"""Compose a file, its defaults list and overrides by Hydra into plain values; nothing else touches Hydra."""

from zoo_core.config.compose.composition import Composed, compose
from zoo_core.config.compose.saved import compose_saved

__all__ = ["Composed", "compose", "compose_saved"]
