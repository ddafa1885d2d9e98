"""Own the picture of an inspection: what quantization leaves of every layer, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH_INCHES = 11.0
HEIGHT_INCHES = 0.26
"""Height of one bar."""
MARGIN_INCHES = 1.3
DOTS_PER_INCH = 110
MOST_BARS = 30
LONGEST_NAME = 48
HIGHEST_DB = 80.0
"""Ratios beyond are drawn as this: nothing is lost there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBar:
    """Hold what is drawn of one layer."""

    name: str
    own: float
    """Signal-to-noise ratio in decibels when the layer alone is quantized."""
    accumulated: float | None = None
    """The same in the quantized model."""
    effect: float | None = None
    """What the layer costs; absent where it was not measured."""
    reason: str = ""
    """The likely reason in two words."""


def draw_inspection(path: Path, layers: Sequence[LayerBar], *, effect: str) -> None:
    """Draw the ratios of layers, and what they cost where that was measured, as a PNG file.

    Args:
        path: Where the picture is written.
        layers: The layers from top to bottom; those beyond the first 30 are left out.
        effect: What the costs are, with their unit.
    """
    shown = layers[:MOST_BARS]
    height = MARGIN_INCHES + HEIGHT_INCHES * max(len(shown), 1)
    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    measured = any(bar.effect is not None for bar in shown)
    axes = figure.subplots(1, 2 if measured else 1, squeeze=False, sharey=True)[0]
    _draw_ratios(axes[0], shown)
    if measured:
        _draw_effects(axes[1], shown, effect)
    figure.legend(loc="outside lower left", ncols=2, fontsize=7)
    if len(layers) > len(shown):
        figure.suptitle(f"the worst {len(shown)} of {len(layers)} layers")
    figure.savefig(path, format="png")


def shortened(name: str) -> str:
    """Return a name that fits beside a bar: the middle of a long one is left out."""
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 3) // 2
    return f"{name[:half]}...{name[-half:]}"


def _draw_ratios(axes: Axes, layers: Sequence[LayerBar]) -> None:
    places = range(len(layers))
    axes.barh(places, [min(bar.own, HIGHEST_DB) for bar in layers], color="tab:blue", label="layer alone quantized")
    dots = [
        (min(bar.accumulated, HIGHEST_DB), place) for place, bar in enumerate(layers) if bar.accumulated is not None
    ]
    if dots:
        axes.plot(*zip(*dots, strict=True), "o", color="tab:orange", markersize=4, label="all layers quantized")
    axes.set_yticks(list(places), [shortened(bar.name) for bar in layers], fontsize=7)
    axes.invert_yaxis()
    axes.set(xlabel="signal-to-noise ratio [dB]", title="what is left of the layer's output")
    axes.margins(y=0.01)
    axes.grid(alpha=0.3, axis="x")


def _draw_effects(axes: Axes, layers: Sequence[LayerBar], effect: str) -> None:
    bars = [(place, bar.effect) for place, bar in enumerate(layers) if bar.effect is not None]
    axes.barh([place for place, _ in bars], [value for _, value in bars], color="tab:red")
    for place, value in bars:
        axes.annotate(layers[place].reason, (value, place), (4, 0), textcoords="offset points", fontsize=7, va="center")
    axes.set(xlabel=effect, title="what the model makes of that layer alone")
    axes.margins(x=0.3)
    axes.tick_params(labelleft=False)
    axes.grid(alpha=0.3, axis="x")
