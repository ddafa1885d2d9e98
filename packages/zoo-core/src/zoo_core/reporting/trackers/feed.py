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

    def __init__(
        self, trackers: Iterable[Resolved[TrackerSpec]], config: RunConfig, *, call_seconds: float = CALL_SECONDS
    ) -> None:
        """Start the process of the trackers that a configuration asks for, while the run is still being checked.

        Args:
            trackers: All that are installed; those that are not asked for cost nothing.
            config: Configuration of the run.
            call_seconds: Longest time that one call may take.
        """
        self._config = config
        self._call_seconds = call_seconds
        self._refused: list[tuple[Resolved[TrackerSpec], str]] = []
        asked = [resolved for resolved in trackers if self._is_asked_for(resolved)]
        heavy = [resolved for resolved in asked if not resolved.spec.light]
        self._light = [resolved for resolved in asked if resolved.spec.light]
        self._process = TrackerProcess(heavy, call_seconds=call_seconds) if heavy else None
        self._followers: list[Follower] = []
        self._events: list[Event] = []
        self._given = 0

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
        """Start the trackers of a run and have them follow it at once."""
        feed = cls(trackers, config, call_seconds=call_seconds)
        feed.follow(run_dir, events)
        return feed

    def follow(self, run_dir: Path, events: list[Event]) -> None:
        """Tell each tracker of a run what it does not know yet, and what could not be told at all.

        Args:
            run_dir: Folder of the run.
            events: Events so far; the list grows while the run goes on.
        """
        self._events = events
        self._given = len(events)
        for resolved, cause in self._refused:
            tell_left_out(resolved, run_dir, cause)
        if self._process is not None:
            self._followers.append(self._process)
            self._process.follow(run_dir)
        for resolved in self._light:
            sender = open_sender(resolved, self._config, run_dir, call_seconds=self._call_seconds)
            if sender is not None:
                sender.catch_up(events)
                self._followers.append(sender)

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

    def dismiss(self) -> None:
        """End what was started for a run that does not take place; once a run is followed, do nothing."""
        if self._process is not None and self._process not in self._followers:
            self._process.dismiss()

    def _is_asked_for(self, resolved: Resolved[TrackerSpec]) -> bool:
        """Tell whether a run asks for a tracker; what prevents the answer is told once the run has begun."""
        if resolved.spec.asked_for is None:
            return True
        try:
            return bool(resolved.load(resolved.spec.asked_for)(self._config))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the code of a plugin may raise anything
            self._refused.append((resolved, cause_of(error)))
            return False


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
