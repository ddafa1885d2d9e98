"""Factors per channel against the formula of the paper, the gradient against differences, and optima against search."""

import numpy as np
import pytest

from zoo_core.quantization.equalization.balance import Ranges, balance_ranges, minimise_noise
from zoo_core.quantization.equalization.noise import (
    POWER,
    ActivationNoise,
    NoiseTerm,
    WeightNoise,
    total_noise,
)

RNG = np.random.default_rng(5)
CHANNELS = 4


def chain(first: np.ndarray, second: np.ndarray) -> list[Ranges]:
    """Return input -> first -> channels -> second -> output; element 0 is fixed, 1.. are the channels."""
    channels = np.arange(1, len(first) + 1)
    return [
        Ranges(np.zeros((1, first.shape[1]), dtype=int), channels, np.abs(first)),
        Ranges(channels[None], np.zeros(len(second), dtype=int), np.abs(second)),
    ]


def free(count: int) -> np.ndarray:
    return np.array([0.0] + [np.inf] * count)


def test_two_layers_get_the_factors_of_the_paper() -> None:
    first, second = (RNG.normal(size=shape) * 10.0 ** RNG.uniform(-2, 2, (CHANNELS, 1)) for shape in [(4, 7), (4, 5)])
    second = second.T
    factors = np.exp(balance_ranges(chain(first, second), free(CHANNELS)))
    r1, r2 = np.abs(first).max(axis=1), np.abs(second).max(axis=0)
    s = np.sqrt(r1 * r2) / r2  # equation 11: the first layer is divided by s, the second multiplied
    assert np.allclose(factors[1:], 1 / s, rtol=5e-3)
    assert factors[0] == 1.0


def test_a_channel_nobody_reads_and_one_that_is_fixed_stay() -> None:
    first, second = RNG.normal(size=(4, 3)), RNG.normal(size=(2, 4))
    second[:, 2] = 0.0
    upper = free(4)
    upper[1] = 0.0
    logs = balance_ranges(chain(first * 100, second), upper)
    assert logs[1] == 0.0
    assert logs[3] == 0.0
    assert logs[2] < -1.0


def noise_terms(per_channel: bool, scale: np.ndarray | None = None) -> list[NoiseTerm]:
    """Return a chain of two layers whose channels were rescaled by `scale`, without changing what it computes."""
    rng = np.random.default_rng(9)
    scale = np.ones(CHANNELS) if scale is None else scale
    channels, fixed = np.arange(1, CHANNELS + 1), np.zeros(3, dtype=int)
    first = np.abs(rng.normal(size=(CHANNELS, 3))) * scale[:, None]
    second = np.abs(rng.normal(size=(3, CHANNELS))) / scale
    start = np.zeros(CHANNELS + 1)
    gain, square, high = rng.uniform(0.1, 1, CHANNELS), rng.uniform(0.1, 1, CHANNELS), rng.uniform(1, 9, CHANNELS)
    ones = np.ones((1, 3))
    return [
        WeightNoise(
            fixed[None], channels, (first**POWER).astype(np.float32), start, ones, gain / scale**2, per_channel
        ),
        WeightNoise(
            channels[None], fixed, (second**POWER).astype(np.float32), start, (square * scale**2)[None],
            np.ones(3), per_channel,
        ),
        ActivationNoise(channels, -0.2 * high * scale, high * scale, gain / scale**2),
    ]  # fmt: skip


def depthwise_terms(per_channel: bool) -> list[NoiseTerm]:
    inputs, outputs = np.arange(1, 5)[:, None], np.arange(5, 9)
    powers = RNG.uniform(0.1, 1.0, (4, 1)).astype(np.float32)
    gain = RNG.uniform(0.1, 1, 4)
    return [WeightNoise(inputs, outputs, powers, np.zeros(9), RNG.uniform(0.1, 1, (4, 1)), gain, per_channel)]


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("terms", [noise_terms, depthwise_terms])
def test_gradient_agrees_with_differences(terms: object, per_channel: bool) -> None:
    shares = terms(per_channel)  # type: ignore[operator]
    logs = RNG.normal(size=CHANNELS + 1 if terms is noise_terms else 9) * 0.3
    _, gradient = total_noise(shares, logs)
    step = 1e-3
    for index in range(len(logs)):
        moved = np.eye(len(logs))[index] * step
        slope = (total_noise(shares, logs + moved)[0] - total_noise(shares, logs - moved)[0]) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-2, abs=1e-7)


@pytest.mark.parametrize("per_channel", [True, False])
def test_noise_is_convex_in_the_logarithms(per_channel: bool) -> None:
    terms = noise_terms(per_channel)
    for _ in range(50):
        one, other = RNG.normal(size=(2, CHANNELS + 1))
        ends = [total_noise(terms, logs)[0] for logs in (one, other)]
        assert total_noise(terms, (one + other) / 2)[0] <= np.mean(ends) * (1 + 1e-6)


@pytest.mark.parametrize("per_channel", [True, False])
def test_no_factors_near_the_optimum_make_less_noise(per_channel: bool) -> None:
    terms, upper = noise_terms(per_channel), free(CHANNELS)
    logs = minimise_noise(terms, np.zeros(CHANNELS + 1), upper)
    least, _ = total_noise(terms, logs)
    assert least < total_noise(terms, np.zeros(CHANNELS + 1))[0]
    for _ in range(300):
        moved = logs + RNG.normal(size=CHANNELS + 1) * RNG.choice([0.02, 0.2, 1.0])
        moved[0] = 0.0
        assert total_noise(terms, moved)[0] >= least * (1 - 1e-4)


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_optimum_undoes_a_rescaling(per_channel: bool) -> None:
    scale = 2.0 ** RNG.uniform(-6, 6, CHANNELS)
    start = np.zeros(CHANNELS + 1)
    plain = minimise_noise(noise_terms(per_channel), start, free(CHANNELS))
    rescaled = minimise_noise(noise_terms(per_channel, scale), np.array([0.0, *-np.log(scale)]), free(CHANNELS))
    assert np.allclose(rescaled[1:] + np.log(scale), plain[1:], atol=0.02)
