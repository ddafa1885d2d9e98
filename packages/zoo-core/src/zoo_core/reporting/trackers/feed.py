"""Own the feed: every event of a run to every tracker that wants it, each where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from zoo_core.config.sections import RunConfig
from zoo_core.plugins.registry import Resolved
from zoo_core.reporting.trackers.process import TrackerProcess
from zoo_core.reporting.trackers.sender import CALL_SECONDS, Sender, cause_of, tell_left_out
from zoo_core.runs.events import Event
from zoo_core.specs import TrackerSpec


class Follower(Protocol):
    """Tell trackers of a run without holding it up."""

    def give(self, place: int, event: Event) -> None:
        """Take one event, which stands at a place of the event file; the call returns at once."""
        ...

    def end(self) -> None:
        """Say that no more events come; the call returns at once."""
        ...

    def close(self, patience: float | None = None) -> None:
        """Wait until everything is sent, at most `patience` seconds where that is given."""
        ...


class TrackerFeed:
    """Give the events of a run to trackers; none of them can hold it up or end it."""

    def __init__(self, followers: Sequence[Follower], events: list[Event]) -> None:
        self._followers = followers
        self._events = events
        self._given = len(events)

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
        """Start the trackers of a run and tell each what it does not know yet.

        Args:
            trackers: All that are installed; those that a configuration does not ask for cost nothing.
            config: Configuration of the run.
            run_dir: Folder of the run.
            events: Events so far; the list grows while the run goes on.
            call_seconds: Longest time that one call may take.
        """
        asked = [resolved for resolved in trackers if _is_asked_for(resolved, config, run_dir)]
        heavy = [resolved for resolved in asked if not resolved.spec.light]
        followers: list[Follower] = []
        if heavy:
            followers.append(TrackerProcess(heavy, run_dir, call_seconds=call_seconds))
        for resolved in asked:
            if not resolved.spec.light:
                continue
            sender = open_sender(resolved, config, run_dir, call_seconds=call_seconds)
            if sender is not None:
                sender.catch_up(events)
                followers.append(sender)
        return cls(followers, events)

    @property
    def followers(self) -> Sequence[Follower]:
        """Return what tells the trackers that take part."""
        return self._followers

    def forward(self) -> None:
        """Give the events that were added since the last call."""
        for place in range(self._given, len(self._events)):
            for follower in self._followers:
                follower.give(place, self._events[place])
        self._given = len(self._events)

    def close(self, patience: float | None = None) -> None:
        """Wait until everything is sent, at most `patience` seconds for each tracker where that is given."""
        for follower in self._followers:
            follower.end()
        for follower in self._followers:
            follower.close(patience)


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


def _is_asked_for(resolved: Resolved[TrackerSpec], config: RunConfig, run_dir: Path) -> bool:
    """Tell whether a run asks for a tracker; what prevents the answer is one line."""
    if resolved.spec.asked_for is None:
        return True
    try:
        return bool(resolved.load(resolved.spec.asked_for)(config))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of a plugin may raise anything
        tell_left_out(resolved, run_dir, cause_of(error))
        return False
