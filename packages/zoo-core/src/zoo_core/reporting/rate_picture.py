"""Own the picture of a learning-rate schedule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SIZE_INCHES = (8.0, 4.2)
DOTS_PER_INCH = 110
FEW_POINTS = 50
"""Up to this many points each one is marked by a dot."""


def draw_rates(
    path: Path, epochs: Sequence[float], rates: Sequence[float], *, length: int, title: str, steps: bool
) -> None:
    """Draw learning rates over epochs as a PNG file.

    Args:
        path: Where the picture is written.
        epochs: Epochs done when each rate is set, from 0.
        rates: Learning rates.
        length: Epochs of the whole training.
        title: Line above the curve.
        steps: Whether each rate holds until the next one, as it does when rates change between epochs only.
    """
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([*epochs, length], [*rates, rates[-1]], drawstyle="steps-post" if steps else "default")
    if len(rates) <= FEW_POINTS:
        axes.plot(epochs, rates, "o", color="tab:blue", markersize=3)
    axes.set(xlabel="epochs done", ylabel="learning rate", title=title, xlim=(0, length))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png")
