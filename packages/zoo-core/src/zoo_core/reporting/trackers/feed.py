"""Own the feed: every event of a run to every tracker that wants it, each where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.sender import CALL_SECONDS, Sender
from zoo_core.runs.events import Event, current
from zoo_core.specs import TrackerSpec


class TrackerFeed:
    """Give the events of a run to trackers; none of them can hold it up or end it."""

    def __init__(self, senders: Sequence[Sender], events: list[Event]) -> None:
        self._senders = senders
        self._events = events
        self._given = len(events)
        held = current(events)
        for sender in senders:
            for place, event in held:
                if place >= sender.sent:
                    sender.give(place, event)

    @classmethod
    def open(
        cls,
        trackers: Iterable[Resolved[TrackerSpec]],
        config: RunConfig,
        run_dir: Path,
        events: list[Event],
        *,
        call_seconds: float = CALL_SECONDS,
    ) -> TrackerFeed:
        """Build the trackers of a run and tell each what it does not know yet.

        Args:
            trackers: All that are installed; those that a configuration does not ask for build nothing.
            config: Configuration of the run.
            run_dir: Folder of the run.
            events: Events so far; the list grows while the run goes on.
            call_seconds: Longest time that one call may take.
        """
        senders = [open_sender(resolved, config, run_dir, call_seconds=call_seconds) for resolved in trackers]
        return cls([sender for sender in senders if sender is not None], events)

    @property
    def senders(self) -> Sequence[Sender]:
        """Return one sender per tracker that takes part."""
        return self._senders

    def forward(self) -> None:
        """Give the events that were added since the last call."""
        for place in range(self._given, len(self._events)):
            for sender in self._senders:
                sender.give(place, self._events[place])
        self._given = len(self._events)

    def close(self, patience: float | None = None) -> None:
        """Wait until everything is sent, at most `patience` seconds for each tracker where that is given."""
        for sender in self._senders:
            sender.close(patience)


def open_sender(
    resolved: Resolved[Any],
    config: RunConfig,
    run_dir: Path,
    *,
    call_seconds: float = CALL_SECONDS,
    warns: bool = True,
) -> Sender | None:
    """Build one tracker; nothing when it does not want to be told of this run, or could not be built and said so."""
    sender = Sender(resolved, config, run_dir, call_seconds=call_seconds, warns=warns)
    return sender if sender.open() else None
