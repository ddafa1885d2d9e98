"""Own the table at the end of a run: float beside int8, and what quantization cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoo_core.results import FLOAT, INT8, MetricValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """Hold one metric for the float and the quantized model."""

    name: str
    split: str
    unit: str
    float_value: float | None
    int8_value: float | None
    other_value: float | None = None
    """Value of a metric that belongs to no model."""
    higher_is_better: bool = True
    text: str | None = None
    """Finding in words instead of numbers."""

    @property
    def difference(self) -> float | None:
        """Return int8 minus float, when both are known."""
        if self.float_value is None or self.int8_value is None:
            return None
        return self.int8_value - self.float_value


def summarize(metrics: Sequence[MetricValue]) -> tuple[SummaryRow, ...]:
    """Return one row per metric and split, in order of first appearance; later values replace earlier ones."""
    groups: dict[tuple[str, str], dict[str, MetricValue]] = {}
    for metric in metrics:
        groups.setdefault((metric.split, metric.name), {})[metric.model] = metric
    return tuple(_row(name, split, by_model) for (split, name), by_model in groups.items())


def summarize_facts(results: Sequence[Mapping[str, str]]) -> tuple[SummaryRow, ...]:
    """Return one row per finding of the results, in their order; later ones replace earlier ones of the same name."""
    facts = {name: text for found in results for name, text in found.items()}
    return tuple(
        SummaryRow(name=name, split="", unit="", float_value=None, int8_value=None, text=text)
        for name, text in facts.items()
    )


def _row(name: str, split: str, by_model: dict[str, MetricValue]) -> SummaryRow:
    any_metric = next(iter(by_model.values()))
    others = [metric.value for model, metric in by_model.items() if model not in (FLOAT, INT8)]
    return SummaryRow(
        name=name,
        split=split,
        unit=any_metric.unit,
        float_value=by_model[FLOAT].value if FLOAT in by_model else None,
        int8_value=by_model[INT8].value if INT8 in by_model else None,
        other_value=others[-1] if others else None,
        higher_is_better=any_metric.higher_is_better,
    )
