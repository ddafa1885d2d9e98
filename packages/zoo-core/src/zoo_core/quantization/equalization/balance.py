"""Own the search for the channel factors that make least noise, within what clips allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo_core.quantization.equalization.layers import Floats
from zoo_core.quantization.equalization.noise import Index, NoiseTerm, total_noise

STEPS = 200
RATE = 0.1
WIDEST = 20.0 * np.log(2.0)
"""Largest magnitude of the logarithm of a factor."""
SETTLED = 1e-3
DECAYS = (0.9, 0.99)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Hold the largest magnitudes of one layer's weight, per output and input channel."""

    inputs: Index
    outputs: Index
    magnitudes: Floats


def balance_ranges(ranges: Sequence[Ranges], upper: Floats, steps: int = 60) -> Floats:
    """Return logarithms of factors that make the ranges of what makes and what reads each element equal.

    `upper` holds the largest logarithm per element; it is zero for fixed ones, whose factor stays 1.
    Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section
    4.1; for graphs it is the matrix balancing of Osborne (1960) in the maximum norm.
    """
    logs = np.zeros_like(upper)
    free = upper != 0.0
    for step in range(steps):
        made, read = np.full_like(logs, -np.inf), np.full_like(logs, -np.inf)
        for layer in ranges:
            with np.errstate(divide="ignore"):
                scaled = np.log(layer.magnitudes) + logs[layer.outputs][:, None] - logs[layer.inputs]
            np.maximum.at(made, layer.outputs, scaled.max(axis=1))
            if len(layer.inputs) == 1:
                np.maximum.at(read, layer.inputs[0], scaled.max(axis=0))
            else:
                np.maximum.at(read, layer.inputs, scaled)
        balanced = free & np.isfinite(made) & np.isfinite(read)
        change = np.where(balanced, np.subtract(read, made, where=balanced, out=np.zeros_like(logs)) / 2.0, 0.0)
        updated = np.clip(logs + change * (1.0 if step % 2 else 0.5), -WIDEST, np.minimum(upper, WIDEST))
        if np.abs(updated - logs).max(initial=0.0) < SETTLED:
            break
        logs = updated
    return logs


def minimise_noise(terms: Sequence[NoiseTerm], start: Floats, upper: Floats, steps: int = STEPS) -> Floats:
    """Return logarithms of factors near the least noise, found by Adam with a falling rate and projection."""
    logs, free = start.copy(), upper != 0.0
    first, second = np.zeros_like(logs), np.zeros_like(logs)
    best, least = start, np.inf
    for step in range(steps):
        noise, gradient = total_noise(terms, logs)
        if noise < least:
            best, least = logs.copy(), noise
        gradient = np.where(free, gradient / max(noise, 1e-300), 0.0)
        first = DECAYS[0] * first + (1 - DECAYS[0]) * gradient
        second = DECAYS[1] * second + (1 - DECAYS[1]) * gradient**2
        unbiased = first / (1 - DECAYS[0] ** (step + 1)), second / (1 - DECAYS[1] ** (step + 1))
        rate = RATE * 0.5 * (1.0 + np.cos(np.pi * step / steps))
        logs = np.clip(logs - rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-12), -WIDEST, np.minimum(upper, WIDEST))
        logs = np.where(free, logs, 0.0)
    return best
