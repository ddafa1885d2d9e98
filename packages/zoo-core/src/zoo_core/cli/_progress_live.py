"""Own progress on a terminal: one live line per open operation, with a bar where its length is known."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from zoo_core.cli._count import Count
from zoo_core.reporting.time_text import duration

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import Task, TaskID

    from zoo_core.protocols import ProgressTask

BAR_WIDTH = 24
REFRESHES_PER_SECOND = 4


class TerminalProgress:
    """Draw live bars with the time left and the latest values; a finished bar becomes one line."""

    def __init__(self, stream: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, no_color="NO_COLOR" in os.environ or None)
        self._clock = clock
        self._live: RichProgress | None = None
        self._open = 0

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[ProgressTask]:
        """Show a bar; the last of several open bars takes the display with it."""
        live = self._enter()
        count = Count(description, total, self._clock)
        task = _LiveTask(live, live.add_task(description, total=total, count=count), count)
        finished = False
        try:
            yield task
            finished = True
        finally:
            live.remove_task(task.id)
            self._leave()
            if finished and count.leaves_a_line:
                self.say(count.end())

    def _enter(self) -> RichProgress:
        if self._live is None:
            self._live = _bars(self._console)
            self._live.start()
        self._open += 1
        return self._live

    def _leave(self) -> None:
        self._open -= 1
        if self._open == 0 and self._live is not None:
            self._live.stop()
            self._live = None


class _LiveTask:
    def __init__(self, live: RichProgress, task_id: TaskID, count: Count) -> None:
        self.id = task_id
        self._live = live
        self._count = count

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move the bar on and show the latest values behind it."""
        self._count.advance(steps, values)
        self._live.update(self.id, advance=steps)


def _bars(console: Any) -> RichProgress:
    """Return the display; what others print meanwhile goes above it."""
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
    from rich.text import Text

    class Bar(BarColumn):
        """Draw a bar where the length is known; the spinner is enough elsewhere."""

        def render(self, task: Task) -> Any:
            """Return the bar."""
            return Text() if task.total is None else super().render(task)

    class State(ProgressColumn):
        """Say how far an operation is, or how long it has been running."""

        def render(self, task: Task) -> Text:
            """Return the words behind the bar."""
            count: Count = task.fields["count"]
            return Text(count.state() if count.moved else duration(count.elapsed))

    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}", markup=False),
        Bar(bar_width=BAR_WIDTH),
        State(),
    )
    return Progress(
        *columns,
        console=console,
        transient=True,
        refresh_per_second=REFRESHES_PER_SECOND,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )
