"""Progress is a live bar for people at a terminal and a few plain lines for log files."""

import io
import logging

import pytest

from zoo_core.cli._progress import PlainProgress, TerminalProgress, duration, number, open_progress


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def plain() -> tuple[PlainProgress, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    return PlainProgress(stream, interval=5.0, clock=clock), stream, clock


def test_plain_progress_writes_now_and_then_with_the_time_left() -> None:
    progress, stream, clock = plain()
    with progress.track("epoch 1/3", 100) as task:
        for _ in range(100):
            clock.now += 0.2
            task.advance(loss=0.5)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "epoch 1/3: 25/100, 15 s left, loss 0.5"
    assert len(lines) == 5  # after 5, 10, 15 and 20 seconds, and at the end
    assert lines[-1] == "epoch 1/3: 20 s, loss 0.5"


def test_plain_progress_of_unknown_length_counts() -> None:
    progress, stream, clock = plain()
    with progress.track("reading", None) as task:
        clock.now += 6
        task.advance(3)
    assert stream.getvalue().splitlines() == ["reading: 3 done in 6.0 s", "reading: 6.0 s"]


def test_failed_operation_has_no_last_line() -> None:
    progress, stream, _ = plain()
    with pytest.raises(ValueError, match="bad"), progress.track("reading", 3):
        raise ValueError("bad")
    assert stream.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_progress_leaves_one_line_per_finished_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock=clock)
    with progress.track("training", 2) as outer:
        for epoch in (1, 2):
            with progress.track(f"epoch {epoch}", 4) as inner:
                clock.now += 2
                inner.advance(4, loss=0.25)
            outer.advance(top1=90.0)
    text = stream.getvalue()
    assert "epoch 1: 2.0 s, loss 0.25\n" in text
    assert "epoch 2: 2.0 s, loss 0.25\n" in text
    assert "training: 4.0 s, top1 90\n" in text


def test_terminal_progress_puts_the_display_away_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = TerminalProgress(stream)
    with pytest.raises(ValueError, match="bad"), progress.track("training", 2):
        raise ValueError("bad")
    with progress.track("again", 1) as task:
        task.advance()
    assert "again: " in stream.getvalue()


def test_log_of_zoo_is_shown_while_progress_is_open_and_restored_after() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("zoo")
    before = list(logger.handlers), logger.level, logger.propagate
    with open_progress(stream):
        logger.info("stage %s", "one")
        logger.warning("left out")
        logger.debug("hidden")
        logger.error("for the file", extra={"screen": False})
    logger.warning("too late")
    assert stream.getvalue() == "stage one\nwarning: left out\n"
    assert (list(logger.handlers), logger.level, logger.propagate) == before


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (12.3, "12 s"), (59.7, "60 s"), (187, "3:07"), (3723, "1:02:03")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.31234, "0.3123"), (98.333, "98.33"), (1e-5, "1.000e-05"), (-0.5, "-0.5")]
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text
