"""Own what a user sees of a ladder: a row per rung, the metric before and after, and what is missing."""

from __future__ import annotations

from dataclasses import replace

from zoo_core.quantization.ladder.climb import Ascent
from zoo_core.quantization.ladder.record import Rung
from zoo_core.results import MetricValue


def table(ascent: Ascent) -> dict[str, str]:
    """Return a finding per rung, in the order of the climb."""
    unit = ascent.float_metric.unit
    rows = {f"rung {number}: {rung.name}": _cells(ascent, rung, unit) for number, rung in enumerate(ascent.rungs, 1)}
    return {"full_auto": f"{ascent.chosen.name} ({ascent.chosen.recipe.describe()})", **rows}


def metrics(ascent: Ascent) -> tuple[MetricValue, ...]:
    """Return the metric of the float model and of the chosen one, on the images of the ladder."""
    before = ascent.float_metric
    return replace(before, model="float"), replace(before, model="int8", value=ascent.chosen.value)


def shortfall(ascent: Ascent) -> str:
    """Return a sentence on a ladder whose best rung loses more than the budget."""
    skipped = f" Not tried: {'; '.join(ascent.skipped)}" if ascent.skipped else ""
    return (
        f"No rung of the ladder stays within {ascent.budget:g} points of {ascent.float_metric.name}; the best, "
        f"{ascent.chosen.name}, loses {ascent.chosen.drop:.2f}.{skipped}"
    )


def _cells(ascent: Ascent, rung: Rung, unit: str) -> str:
    value = f"{rung.value:.2f}{f' {unit}' if unit else ''}"
    mark = ", chosen" if rung is ascent.chosen else ""
    return f"{value}, drop {rung.drop:.2f}, {rung.weight_bytes / 1024:.1f} KiB, {rung.seconds:.0f} s{mark}"
