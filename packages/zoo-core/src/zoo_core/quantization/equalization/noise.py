"""Own the noise that 8-bit rounding makes in a graph, as a convex function of the logarithms of channel factors.

Ranges are p-norms instead of maxima, so that the function is smooth. Every noise is taken where linear layers sum it
up, relative to the variance of what they compute; that is the same for every rescaling of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from zoo_core.quantization.equalization.layers import Floats

POWER = 8
"""Order of the norm that stands for the maximum."""
WEIGHT_LEVELS, ACTIVATION_LEVELS = 127.0, 255.0
Index = npt.NDArray[np.int64]


class NoiseTerm(Protocol):
    """Give one share of the noise and its gradient."""

    def add(self, logs: Floats, gradient: Floats) -> float:
        """Return the share at factors exp(`logs`) and add its derivatives to `gradient`."""
        ...


@dataclass(frozen=True, slots=True)
class ActivationNoise:
    """Rounding of one tensor, whose channels share one range."""

    elements: Index
    low: Floats
    high: Floats
    gain: Floats
    """Noise in the layers that read a channel, per variance of the channel."""

    def add(self, logs: Floats, gradient: Floats) -> float:
        """Return (range / levels)^2 * sum of gain / factor^2."""
        own = logs[self.elements]
        high, of_high = _norm(np.maximum(self.high, 0.0), own)
        low, of_low = _norm(np.maximum(-self.low, 0.0), own)
        spread = self.gain * np.exp(-2.0 * own)
        scale = ((high + low) / ACTIVATION_LEVELS) ** 2
        share = scale * spread.sum()
        if share > 0.0:
            of_range = 2.0 * (high * of_high + low * of_low) / (high + low)
            np.add.at(gradient, self.elements, share * of_range - 2.0 * scale * spread)
        return float(share)


@dataclass(frozen=True, slots=True)
class WeightNoise:
    """Rounding of the weight of a layer with one range, or one per output channel."""

    inputs: Index
    """Element of every weight's input channel, of shape (1 or outputs, positions)."""
    outputs: Index
    powers: npt.NDArray[np.float32]
    """Largest magnitudes over the kernel at `start`, to the power `POWER`, of shape (outputs, positions)."""
    start: Floats
    """Logarithms of factors at which the powers were taken, by element."""
    energy: Floats
    """Mean square of what the weights of a position read, of the shape of `inputs`."""
    gain: Floats
    """Importance of the noise of an output channel."""
    per_channel: bool

    def add(self, logs: Floats, gradient: Floats) -> float:
        """Return the sum over outputs of gain * (range / levels)^2 * energy / factor^2."""
        inputs, outputs, moved = logs[self.inputs], logs[self.outputs], logs - self.start
        narrow, wide = np.exp(-POWER * moved[self.inputs]), np.exp(POWER * moved[self.outputs])
        energy = self.energy * np.exp(2.0 * inputs)
        rows = self._sum_rows(narrow) * wide
        ranges = (rows if self.per_channel else np.full_like(rows, rows.sum())) ** (2.0 / POWER)
        per_output = self.gain * np.exp(-2.0 * outputs) * ranges / WEIGHT_LEVELS**2
        read = energy.sum(axis=1)
        noise = per_output * read
        share = float(noise.sum())
        if not share > 0.0:
            return 0.0
        # Logarithmic derivatives of the ranges: each weight's share of its norm.
        shared = noise / np.maximum(rows, 1e-300) if self.per_channel else np.full_like(rows, share / rows.sum())
        np.add.at(gradient, self.outputs, 2.0 * shared * rows - 2.0 * noise)
        by_input = self._sum_columns(shared * wide) * narrow
        of_energy = energy * (per_output.sum() if len(self.inputs) == 1 else per_output[:, None])
        np.add.at(gradient, self.inputs, 2.0 * of_energy - 2.0 * by_input)
        return share

    def _sum_rows(self, factors: Floats) -> Floats:
        """Return the sum of powers times factors over the positions of every output."""
        if len(factors) == 1:
            return np.asarray(self.powers @ factors[0].astype(np.float32), dtype=np.float64)
        return np.asarray(np.einsum("mj,mj->m", self.powers, factors))

    def _sum_columns(self, factors: Floats) -> Floats:
        """Return powers times factors of the outputs, summed where outputs read the same channels."""
        if len(self.inputs) == 1:
            return np.asarray(factors.astype(np.float32) @ self.powers, dtype=np.float64)[None]
        return self.powers * factors[:, None]


def _norm(values: Floats, logs: Floats) -> tuple[float, Floats]:
    """Return the p-norm of values * exp(logs) and every value's share of it."""
    largest = values.max(initial=0.0)
    if not largest > 0.0:
        return 0.0, np.zeros_like(values)
    powers = (values / largest) ** POWER * np.exp(POWER * logs)
    total = powers.sum()
    return float(largest * total ** (1.0 / POWER)), powers / total


def total_noise(terms: Sequence[NoiseTerm], logs: Floats) -> tuple[float, Floats]:
    """Return the noise of all terms and its gradient."""
    gradient = np.zeros_like(logs)
    return sum(term.add(logs, gradient) for term in terms), gradient
