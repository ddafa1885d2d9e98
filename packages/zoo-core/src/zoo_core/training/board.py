"""Own what takes the epochs of a training for the trackers of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, histc, linspace
from torch.nn import Module

from zoo_core.protocols import Histogram
from zoo_core.training.record import Row

BINS = 64

TakeNumbers = Callable[[int, Mapping[str, float]], None]
TakeHistograms = Callable[[int, Mapping[str, Histogram]], None]


class EpochBoard:
    """Hand every epoch to the run, which tells its trackers."""

    def __init__(
        self, report: TakeNumbers, report_histograms: TakeHistograms | None = None, *, every: int | None = None
    ) -> None:
        """Hold what takes the epochs.

        Args:
            report: Takes the numbers of an epoch, counted from 1.
            report_histograms: Takes the histograms of the weights after an epoch.
            every: Epochs between two histograms; none are made when absent.
        """
        self._report = report
        self._report_histograms = report_histograms
        self._every = every

    def write(self, row: Row) -> None:
        """Hand over the numbers of one epoch."""
        self._report(int(row["epoch"]), {name: value for name, value in row.items() if name != "epoch"})

    def write_weights(self, epoch: int, model: Module) -> None:
        """Hand over histograms of all weights where it is time for them; the epoch is counted from 1."""
        if self._every is not None and self._report_histograms is not None and epoch % self._every == 0:
            found = {name: histogram_of(weights) for name, weights in model.named_parameters()}
            self._report_histograms(epoch, {name: bars for name, bars in found.items() if bars is not None})


def histogram_of(values: Tensor, bins: int = BINS) -> Histogram | None:
    """Return how the finite values of a tensor of any shape are spread over bins of equal width; nothing without any.

    Equal values get bins of together 1 around them.
    """
    flat = values.detach().cpu().float().flatten()  # sums in bins have no fixed order on a GPU
    flat = flat[flat.isfinite()]
    if flat.numel() == 0:
        return None
    low, high = float(flat.min()), float(flat.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = histc(flat, bins, low, high)
    edges = linspace(low, high, bins + 1)
    return Histogram(
        edges=[float(f"{edge:.7g}") for edge in edges.tolist()], counts=[int(held) for held in counts.tolist()]
    )
