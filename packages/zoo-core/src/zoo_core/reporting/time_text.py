"""Own how time spans are written for people."""

from __future__ import annotations

SECONDS_PER_MINUTE = 60
PLAIN_SECONDS = 10


def duration(seconds: float) -> str:
    """Return a time span as `0.8 s`, `12 s`, `3:07` or `1:02:03`."""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s" if seconds < PLAIN_SECONDS else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    hours, minutes = divmod(minutes, SECONDS_PER_MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
