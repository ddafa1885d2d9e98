"""Own the name under which commands reach the writing of numbers, which reports share."""

from __future__ import annotations

from zoo_core.reporting.metric_text import metric_text

__all__ = ["metric_text"]
