"""Own the axes of charts: round steps between ticks, and numbers short enough to stand beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
LARGE = ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"))
"""Size from which on a number is shortened, its unit, and the letter of the unit."""
SMALLEST_PLAIN = 1e-4
MARGIN = 0.04
"""Share of the range that is left free above and below the curves."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Map values onto pixels."""

    low: float
    high: float
    start: float
    """Pixel of `low`."""
    end: float
    """Pixel of `high`."""

    def __call__(self, value: float) -> float:
        """Return the pixel of a value, rounded to a tenth."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def limits(values: Iterable[float], *, margin: float = MARGIN) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values; (0, 1) when there are none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    if low == high == 0:
        return 0.0, 1.0
    if low == high:
        spread = abs(low) / 10 or 1.0
        return low - spread / 2, high + spread / 2
    free = (high - low) * margin
    return low if low == 0 else low - free, high + free


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` round values from `low` to `high`, evenly spaced."""
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    fitting = (step * power for step in (*ROUND_STEPS, ROUND_STEPS[1] * ROUND_STEPS[-1]))
    step = next(step for step in fitting if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round((first + index) * step, 12) for index in range(_count(low, high, step))]


def tick_text(value: float) -> str:
    """Return a number of at most five letters or so: `0.25`, `120`, `45k`, `1e-05`."""
    size = abs(value)
    for least, unit, letter in LARGE:
        if size >= least:
            return f"{value / unit:.4g}{letter}"
    if size and size < SMALLEST_PLAIN:
        return f"{value:.1e}".replace(".0e", "e")
    return f"{value:.4g}"


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
