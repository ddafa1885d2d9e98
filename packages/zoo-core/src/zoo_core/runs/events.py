"""Own `events.jsonl`: everything a tracker can be told about a run, one JSON object per line, in order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zoo_core.errors import RunStoreError
from zoo_core.runs.files import disk_errors

EVENTS = "events.jsonl"
SCHEMA_VERSION = 1
RUN, PARAMETERS, METRICS, FILES, HISTOGRAMS = "run", "parameters", "metrics", "files", "histograms"
STAGE_BEGIN, STAGE_END, RUN_END = "stage_begin", "stage_end", "run_end"
REPLACED = frozenset({PARAMETERS, METRICS, FILES, HISTOGRAMS})
"""Events of which a later one takes the place of an earlier one."""
Event = Mapping[str, Any]


class EventLog:
    """Append events to the file of a run; a line that a killed process left unfinished is removed first."""

    def __init__(self, run_dir: Path) -> None:
        """Open the file and read what an earlier process wrote.

        Raises:
            RunStoreError: When the file cannot be written.
        """
        self.path = run_dir / EVENTS
        with disk_errors(self.path):
            _cut_unfinished_line(self.path)
        self.events: list[Event] = list(read_events(run_dir))

    def append(self, event: str, **facts: Any) -> Event:
        """Write one event in one piece and return it as a reader gets it.

        Raises:
            RunStoreError: When the disk refuses.
        """
        line = json.dumps({"event": event, **facts}, ensure_ascii=False, default=str, allow_nan=False)
        with disk_errors(self.path), self.path.open("ab", buffering=0) as stream:
            stream.write(f"{line}\n".encode())
        written: Event = json.loads(line)
        self.events.append(written)
        return written


def read_events(run_dir: Path) -> tuple[Event, ...]:
    """Return the events of a run, oldest first; a line that is cut or damaged is left out.

    Raises:
        RunStoreError: When the file cannot be read.
    """
    path = run_dir / EVENTS
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise RunStoreError(f"Cannot read {path}: {error}") from error
    return tuple(event for event in map(_parsed, lines) if event is not None)


class EventTail:
    """Read the event file of a run that another process writes, each call what was added since the last one."""

    def __init__(self, run_dir: Path) -> None:
        """Start at the first event; the file need not be there yet."""
        self._path = run_dir / EVENTS
        self._offset = self._count = 0

    def read(self) -> list[tuple[int, Event]]:
        """Return new events, each with its place; a line that is not finished yet is left for the next call.

        Raises:
            RunStoreError: When the file cannot be read.
        """
        lines = self._whole_lines()
        events = [event for event in map(_parsed, lines) if event is not None]
        first = self._count
        self._count += len(events)
        return list(enumerate(events, first))

    def _whole_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                content = stream.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunStoreError(f"Cannot read {self._path}: {error}") from error
        end = content.rfind(b"\n") + 1
        self._offset += end
        return content[:end].splitlines()


def current(events: Iterable[Event]) -> list[tuple[int, Event]]:
    """Return the events that still hold, each with its place in the file.

    Epochs that were trained again replace those of the same number and all later ones of their stage;
    parameters, other metrics and files of a stage replace the earlier ones.
    """
    kept: dict[int, Event] = {}
    places: dict[tuple[str, str, bool], list[int]] = {}
    for index, event in enumerate(events):
        step = event.get("step")
        known = places.setdefault((event["event"], event.get("stage", ""), step is None), [])
        if event["event"] in REPLACED:
            for place in [place for place in known if step is None or kept[place]["step"] >= step]:
                known.remove(place)
                del kept[place]
        known.append(index)
        kept[index] = event
    return list(kept.items())


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return numbers as JSON holds them: nothing stands for one that is not finite."""
    return {name: float(value) if math.isfinite(value) else None for name, value in metrics.items()}


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _cut_unfinished_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        with path.open("r+b") as stream:
            stream.truncate(end)
