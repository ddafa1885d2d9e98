"""Own the drawing of one random number from a range."""

from __future__ import annotations

import torch


def draw(ends: tuple[float, float]) -> float:
    """Return a number between two ends, each as likely as the other."""
    low, high = ends
    return low + (high - low) * float(torch.rand(()))


def draw_whole(ends: tuple[int, int]) -> int:
    """Return a whole number from a range that includes both ends."""
    low, high = ends
    return int(torch.randint(low, high + 1, ()))
