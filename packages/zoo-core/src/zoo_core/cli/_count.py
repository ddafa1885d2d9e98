"""Own what is said of a long operation: how much is done, how long the rest takes, the latest values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zoo_core.reporting.time_text import duration

NOTICEABLE_S = 1.0
"""Seconds from which a wait without steps leaves a line behind."""
SMALL = 1e-3
LARGE = 1e5
STEP = 1000
HUNDRED = 100
PREFIXES = ("", " k", " M", " G", " T")


@dataclass(slots=True)
class Count:
    """Count the steps of one operation and keep the latest values."""

    description: str
    total: int | None
    clock: Callable[[], float]
    done: int = 0
    values: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    moved: bool = False
    """Whether anything has changed since the last line that was written."""
    noticeable: float = NOTICEABLE_S
    """Seconds from which on a wait without steps leaves a line."""

    def __post_init__(self) -> None:
        self.started = self.clock()

    def advance(self, steps: int, values: Mapping[str, float]) -> None:
        """Take some steps and values; neither is a mere sign of life."""
        self.done += steps
        self.values.update(values)
        self.moved |= bool(steps or values)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the operation began."""
        return self.clock() - self.started

    @property
    def finished(self) -> bool:
        """Tell whether all steps are done."""
        return self.total is not None and self.done >= self.total

    @property
    def leaves_a_line(self) -> bool:
        """Tell whether the end of the operation is worth a line."""
        return self.total is not None or self.done > 0 or self.elapsed >= self.noticeable

    def now(self) -> str:
        """Return one line: how much is done, how long the rest will take, the latest values."""
        return f"{self.description}: {self.state()}"

    def state(self) -> str:
        """Return the same without what is done; an operation that has not moved is said to be still running."""
        parts = [self._share()] if self.done or (self.total is not None and self.moved) else []
        if not parts or not self.moved:
            parts.append(f"still running, {duration(self.elapsed)} so far")
        elif self.total is None:
            parts[0] += f" in {duration(self.elapsed)}"
        elif 0 < self.done < self.total:
            parts.append(f"{duration(self.elapsed * (self.total - self.done) / self.done)} left")
        return ", ".join(parts + self._values())

    def end(self) -> str:
        """Return one line about the whole operation."""
        return f"{self.description}: {', '.join([duration(self.elapsed), *self._values()])}"

    def _share(self) -> str:
        done = quantity(self.done)
        return f"{done} done" if self.total is None else f"{done}/{quantity(self.total)}"

    def _values(self) -> list[str]:
        return [f"{name} {number(value)}" for name, value in self.values.items()]


def number(value: float) -> str:
    """Return a number with four significant digits."""
    if value and not SMALL <= abs(value) < LARGE:
        return f"{value:.3e}"
    return f"{value:.4g}"


def quantity(count: int) -> str:
    """Return a count of steps; large ones, such as bytes, with three digits and the prefix of a unit."""
    if abs(count) < LARGE:
        return str(count)
    power = min((len(str(abs(count))) - 1) // 3, len(PREFIXES) - 1)
    value = count / STEP**power
    return f"{value:.0f}{PREFIXES[power]}" if abs(value) >= HUNDRED else f"{value:.3g}{PREFIXES[power]}"
