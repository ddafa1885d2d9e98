"""Own the arguments and the formula of each learning-rate callback; epochs are counted from 0."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from pydantic import model_validator

from zoo_core.config.limits import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from zoo_core.config.section import Section

ROUNDING = 1e-9
"""Keeps the count of restarts right where a quotient of logarithms falls just short of a whole number."""


class LrCallback(Section):
    """Give the learning rate of an epoch as an expression of `epoch`."""

    verbose: int = 0

    @abstractmethod
    def formula(self) -> str:
        """Return the expression."""


def hold(rate: float, epochs: int, then: str) -> str:
    """Return the expression that keeps a rate for some epochs."""
    return f"{rate!r} if epoch < {epochs} else {then}" if epochs else then


class HeldDecay(LrCallback):
    """Hold the initial rate for some epochs, then go to another one within a number of epochs."""

    initial_lr: PositiveFloat
    hold_steps: NonNegativeInt = 0
    decay_steps: PositiveInt
    end_lr: NonNegativeFloat = 0.0

    @property
    def span(self) -> float:
        """Return the difference between both rates."""
        return self.initial_lr - self.end_lr

    @property
    def step(self) -> str:
        """Return the number of epochs since the hold, this one included."""
        return f"(epoch - {self.hold_steps - 1})" if self.hold_steps > 1 else f"(epoch + {1 - self.hold_steps})"

    @property
    def progress(self) -> str:
        """Return the share of the decay that is done, 1 at the end."""
        return f"min({self.step}, {self.decay_steps}) / {self.decay_steps}"

    def held(self, decay: str) -> str:
        """Return the expression with the hold before a decay."""
        return hold(self.initial_lr, self.hold_steps, decay)


class LrLinearDecay(HeldDecay):
    """Go down in a straight line."""

    def formula(self) -> str:
        """Return the expression."""
        return self.held(f"{self.initial_lr!r} - {self.span!r} * {self.progress}")


class LrCosineDecay(HeldDecay):
    """Go down along half a cosine."""

    alpha: NonNegativeFloat | None = None
    """Last rate as a share of the first, the older way to give `end_lr`."""

    @model_validator(mode="before")
    @classmethod
    def _read_alpha(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("alpha") is not None and data.get("end_lr") is not None:
            msg = "alpha and end_lr both give the last rate; keep end_lr"
            raise ValueError(msg)
        return data

    @property
    def last(self) -> float:
        """Return the rate at the end."""
        return self.end_lr if self.alpha is None else self.alpha * self.initial_lr

    def formula(self) -> str:
        """Return the expression."""
        span = self.initial_lr - self.last
        return self.held(f"{self.last!r} + {span!r} * 0.5 * (1 + cos(pi * {self.progress}))")


class LrPolynomialDecay(HeldDecay):
    """Go down along a power."""

    power: PositiveFloat = 0.5

    def formula(self) -> str:
        """Return the expression."""
        return self.held(f"{self.end_lr!r} + {self.span!r} * (1 - {self.progress}) ** {self.power!r}")


class LrPolynomialDecayRestarts(HeldDecay):
    """Go down along a power over and over, each time from a lower rate over a longer stretch."""

    power: PositiveFloat = 0.7

    def formula(self) -> str:
        """Return the expression."""
        stretch = f"({self.decay_steps} * ceil({self.step} / {self.decay_steps}))"
        return self.held(f"{self.end_lr!r} + {self.span!r} * (1 - {self.step} / {stretch}) ** {self.power!r}")


class LrExponentialDecay(LrCallback):
    """Hold, then go down exponentially to a floor."""

    initial_lr: PositiveFloat
    hold_steps: NonNegativeInt = 0
    decay_rate: NonNegativeFloat
    min_lr: NonNegativeFloat = 0.0

    def formula(self) -> str:
        """Return the expression."""
        exponent = f"-{self.decay_rate!r} * (epoch - {self.hold_steps} + 1)"
        decay = f"max({self.min_lr!r}, {self.initial_lr!r} * exp({exponent}))"
        return hold(self.initial_lr, self.hold_steps, decay)


class LrStepDecay(LrCallback):
    """Go down by a factor every so many epochs."""

    initial_lr: PositiveFloat
    step_size: PositiveInt
    decay_rate: PositiveFloat
    min_lr: NonNegativeFloat = 0.0

    def formula(self) -> str:
        """Return the expression."""
        drops = f"((epoch + 1) // {self.step_size})"
        return f"max({self.min_lr!r}, {self.initial_lr!r} * {self.decay_rate!r} ** {drops})"


class LrWarmupCosineDecay(LrCallback):
    """Go up in a straight line, hold, then go down along half a cosine."""

    initial_lr: NonNegativeFloat
    warmup_steps: NonNegativeInt
    max_lr: PositiveFloat
    hold_steps: NonNegativeInt = 0
    decay_steps: PositiveInt
    end_lr: NonNegativeFloat = 0.0

    def formula(self) -> str:
        """Return the expression."""
        held_until = self.warmup_steps + self.hold_steps
        slope = (self.max_lr - self.initial_lr) / max(self.warmup_steps, 1)
        progress = f"min(epoch - {held_until}, {self.decay_steps}) / {self.decay_steps}"
        decay = f"{self.end_lr!r} + {self.max_lr - self.end_lr!r} * 0.5 * (1 + cos(pi * {progress}))"
        rise = f"{self.initial_lr!r} + {slope!r} * epoch"
        return f"{rise} if epoch < {self.warmup_steps - 1} else {self.max_lr!r} if epoch < {held_until} else {decay}"


class LrCosineDecayRestarts(LrCallback):
    """Go down along half a cosine over and over; period i is `t_mul` times as long and starts `m_mul` times as high."""

    initial_lr: PositiveFloat
    first_decay_steps: PositiveInt
    end_lr: NonNegativeFloat = 0.0
    t_mul: PositiveInt = 2
    m_mul: PositiveFloat = 1.0

    def formula(self) -> str:
        """Return the expression."""
        done = f"(epoch / {self.first_decay_steps})"
        if self.t_mul == 1:
            period, share = f"floor({done})", f"({done} - floor({done}))"
        else:
            period = f"floor(log(1 + {done} * {self.t_mul - 1}) / log({self.t_mul}) + {ROUNDING!r})"
            before = f"({self.t_mul} ** {period} - 1) / {self.t_mul - 1}"
            share = f"(({done} - {before}) / {self.t_mul} ** {period})"
        height = f"{self.initial_lr - self.end_lr!r} * {self.m_mul!r} ** {period}"
        return f"{self.end_lr!r} + {height} * 0.5 * (1 + cos(pi * {share}))"


class LrPiecewiseConstantDecay(LrCallback):
    """Keep one rate between each two boundaries."""

    boundaries: tuple[NonNegativeInt, ...]
    values: tuple[PositiveFloat, ...]

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len(self.values) != len(self.boundaries) + 1:
            msg = f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, found {len(self.values)}"
            raise ValueError(msg)
        if list(self.boundaries) != sorted(set(self.boundaries)):
            msg = f"boundaries must rise, found {list(self.boundaries)}"
            raise ValueError(msg)
        return self

    def formula(self) -> str:
        """Return the expression."""
        steps = [f"{value!r} if epoch < {end} else " for value, end in zip(self.values, self.boundaries, strict=False)]
        return f"{''.join(steps)}{self.values[-1]!r}"


FORMULAS: dict[str, type[LrCallback]] = {
    "LRLinearDecay": LrLinearDecay,
    "LRExponentialDecay": LrExponentialDecay,
    "LRStepDecay": LrStepDecay,
    "LRCosineDecay": LrCosineDecay,
    "LRWarmupCosineDecay": LrWarmupCosineDecay,
    "LRCosineDecayRestarts": LrCosineDecayRestarts,
    "LRPolynomialDecay": LrPolynomialDecay,
    "LRPolynomialDecayRestarts": LrPolynomialDecayRestarts,
    "LRPiecewiseConstantDecay": LrPiecewiseConstantDecay,
}
