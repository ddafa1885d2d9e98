"""Own how long the client waits, and how often it tries again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bound every wait, in seconds, so that nothing the service does can hang a run."""

    request: float = 30.0
    """For a request without a file, from its first byte to the last of its answer."""
    transfer: float = 900.0
    """For one upload or download."""
    check: float = 5.0
    """For the look whether the service answers at all."""
    attempts: int = 5
    """How often a request is sent that may be repeated without harm."""
    backoff: float = 0.5
    """Pause before the second attempt; it doubles each time."""
    longest_pause: float = 60.0
    """Longest pause between two attempts; a service that asks for a longer one is not waited for."""
    poll: float = 2.0
    """Pause between two looks at a job."""
    run: float = 300.0
    """For a whole analysis, generation or validation."""
    nbg: float = 300.0
    """For a whole conversion to a network binary graph."""
    benchmark: float = 2500.0
    """For a whole benchmark, its time in the queue included."""
