"""Own the comparison that `validate` reports: how far the compiled network's outputs are from the model's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zoo_stm32.stedgeai.document import Node

METRICS = ("acc", "rmse", "mae", "l2r", "mean", "std", "nse", "cos")


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorComparison:
    """Hold the measures of one compared tensor; what does not apply to it is absent."""

    name: str
    """As the tool names it, such as `X-cross #1`."""
    values: Mapping[str, float]
    """Among `acc`, `rmse`, `mae`, `l2r`, `mean`, `std`, `nse`, `cos`; `acc` in percent."""


def read_comparisons(document: Node) -> tuple[TensorComparison, ...]:
    """Return the comparisons of a report of either format.

    Raises:
        ZooError: If the report holds none.
    """
    found = document["validation"]["val_metrics"] if "validation" in document else document["val_metrics"]
    comparisons = tuple(_comparison(entry) for entry in found.items())
    if not comparisons:
        raise document.wrong(f"the field {found.where} is empty")
    return comparisons


def _comparison(entry: Node) -> TensorComparison:
    name = entry["desc"] if "desc" in entry else entry["ts_name"]
    values: dict[str, float] = {}
    for metric in METRICS:
        value = entry.get(metric)
        if value is not None and not isinstance(value.value, str):
            values[metric] = value.number()
    return TensorComparison(name=name.text(), values=values)
