"""Progress is live for people at a terminal, plain lines for log files, and warnings alone when quiet."""

import io
import logging
import threading
import time
from collections.abc import Callable

import pytest

from zoo_core.cli._count import number, quantity
from zoo_core.cli._progress import open_progress, waiting
from zoo_core.cli._progress_live import TerminalProgress
from zoo_core.cli._progress_plain import PlainProgress
from zoo_core.reporting.time_text import duration


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
    assert len(lines) == 4  # after 5, 10 and 15 seconds, and at the end
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


def test_wait_without_steps_leaves_a_line_when_it_was_noticeable() -> None:
    progress, stream, clock = plain()
    for seconds in (0.4, 3.0):
        with progress.track("tracing", None):
            clock.now += seconds
    assert stream.getvalue() == "tracing: 3.0 s\n"


def test_sign_of_life_without_steps_writes_nothing() -> None:
    progress, stream, clock = plain()
    with progress.track("compiling", None) as task:
        clock.now += 6
        task.advance(0)
        assert stream.getvalue() == ""


def test_heartbeat_waits_until_the_screen_stood_still_for_ten_seconds() -> None:
    progress, stream, clock = plain()
    with progress.track("Building firmware", 4):
        clock.now += 4
        progress.say("a line")
        clock.now += 9
        assert progress.beat() == pytest.approx(1.0)
        assert stream.getvalue() == "a line\n"
        clock.now += 1
        assert progress.beat() == pytest.approx(10.0)
    assert stream.getvalue().splitlines()[1] == "Building firmware: still running, 14 s so far"


def test_heartbeat_tells_what_has_moved_from_what_has_not() -> None:
    progress, stream, clock = plain()
    with progress.track("Calibrating", 64) as task:
        clock.now += 3
        task.advance(12)
        for _ in range(2):
            clock.now += 12
            progress.beat()
    first, second, _ = stream.getvalue().splitlines()
    assert first == "Calibrating: 12/64, 1:05 left"  # 15 s for 12 steps, so 65 s for the other 52
    assert second == "Calibrating: 12/64, still running, 27 s so far"


def test_heartbeat_shows_the_innermost_of_nested_operations_in_one_line() -> None:
    progress, stream, clock = plain()
    with progress.track("Stage 2_export", None):
        with progress.track("Tracing", None):
            clock.now += 10
            progress.beat()
        clock.now += 70
        progress.beat()
    assert stream.getvalue().splitlines() == [
        "Tracing: still running, 10 s so far",
        "Tracing: 10 s",
        "Stage 2_export: still running, 1:20 so far",
        "Stage 2_export: 1:20",
    ]


def test_heartbeat_is_silent_when_nothing_is_under_way() -> None:
    progress, stream, clock = plain()
    clock.now += 100
    progress.beat()
    assert stream.getvalue() == ""


def test_outermost_operation_starts_the_wait_anew() -> None:
    progress, stream, clock = plain()
    clock.now += 100
    with progress.track("reading", 2):
        assert progress.beat() == pytest.approx(10.0)
    assert stream.getvalue() == "reading: 0.0 s\n"


def heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "zoo heartbeat"]


def test_heartbeat_comes_by_itself_from_a_thread_that_ends_with_the_last_operation() -> None:
    class Stream(io.StringIO):
        written = threading.Event()

        def write(self, text: str) -> int:
            self.written.set()
            return super().write(text)

    stream = Stream()
    progress = PlainProgress(stream, heartbeat=0.02)
    assert heartbeats() == []
    with progress.track("outer", None), progress.track("waiting for the server", None):
        assert len(heartbeats()) == 1
        assert heartbeats()[0].daemon
        assert stream.written.wait(5)
    assert heartbeats() == []
    assert stream.getvalue().startswith("waiting for the server: still running, 0.0 s so far\n")


def test_heartbeat_ends_quietly_when_nobody_reads_any_more() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, heartbeat=0.01)
    with progress.track("outer", None):
        thread = heartbeats()[0]
        stream.close()
        thread.join(5)
        assert not thread.is_alive()


def test_lines_of_several_threads_do_not_mix() -> None:
    class Slow(io.StringIO):
        """Write letter by letter, as a stream may that is interrupted by other threads."""

        def write(self, text: str) -> int:
            for letter in text:
                super().write(letter)
                time.sleep(0)
            return len(text)

    stream = Slow()
    progress = PlainProgress(stream)
    threads = [
        threading.Thread(target=lambda name=name: [progress.say(name * 20) for _ in range(20)]) for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stream.getvalue().splitlines()) == sorted(["a" * 20, "b" * 20, "c" * 20] * 20)


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


def test_terminal_shows_how_long_an_operation_without_steps_has_been_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, clock = Terminal(), Clock()
    progress = TerminalProgress(stream, clock=clock)
    with progress.track("Stage 2_export", None) as task:
        clock.now += 83
        task.advance(0)
        end = time.monotonic() + 5
        while "1:23" not in stream.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        assert "Stage 2_export  1:23" in stream.getvalue()
    assert "Stage 2_export: 1:23\n" in stream.getvalue()


def test_terminal_progress_puts_the_display_away_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = TerminalProgress(stream)
    with pytest.raises(ValueError, match="bad"), progress.track("training", 2):
        raise ValueError("bad")
    with progress.track("again", 1) as task:
        task.advance()
    assert "again: " in stream.getvalue()


@pytest.mark.parametrize(
    ("variables", "live", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_terminal_that_shows_no_colours_gets_none(monkeypatch, variables, live, coloured) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    with open_progress(stream) as progress, progress.track("reading", 2) as task:
        task.advance(2)
    text = stream.getvalue()
    assert ("\x1b[?25l" in text) == live  # the cursor is hidden while bars are drawn
    assert any(code in text for code in ("\x1b[3", "\x1b[38")) == coloured
    assert "reading: 0.0 s" in text


def show_records(**options: bool) -> str:
    stream = io.StringIO()
    logger = logging.getLogger("zoo")
    before = list(logger.handlers), logger.level, logger.propagate
    with open_progress(stream, **options) as progress, progress.track("counting", 2) as task:
        task.advance(2)
        logger.info("stage %s", "one")
        logger.warning("left out")
        logger.debug("hidden")
        logger.error("for the file", extra={"screen": False})
    logger.warning("too late")
    assert (list(logger.handlers), logger.level, logger.propagate) == before
    return stream.getvalue()


def test_log_of_zoo_is_shown_while_progress_is_open_and_restored_after() -> None:
    assert show_records() == "stage one\nwarning: left out\ncounting: 0.0 s\n"


def test_quiet_progress_shows_warnings_alone() -> None:
    assert show_records(quiet=True) == "warning: left out\n"


def test_silent_progress_shows_nothing() -> None:
    assert show_records(silent=True) == ""


def test_waiting_says_what_a_command_does_once_that_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo_core.cli._progress.PATIENCE_S", 0.02)
    seen = ""
    with waiting("Loading plugins"):
        end = time.monotonic() + 5
        while not seen and time.monotonic() < end:
            time.sleep(0.005)
            seen = capsys.readouterr().err
    assert seen == "Loading plugins: still running, 0.0 s so far\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_short_wait_is_not_mentioned(capsys: pytest.CaptureFixture[str], quiet: bool) -> None:
    with waiting("Loading plugins", quiet=quiet):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("shown", "value", "text"),
    [
        (duration, 0.04, "0.0 s"),
        (duration, 9.96, "10.0 s"),
        (duration, 12.3, "12 s"),
        (duration, 59.7, "60 s"),
        (duration, 187, "3:07"),
        (duration, 3723, "1:02:03"),
        (number, 0.0, "0"),
        (number, 0.31234, "0.3123"),
        (number, 98.333, "98.33"),
        (number, 1e-5, "1.000e-05"),
        (number, -0.5, "-0.5"),
        (quantity, 0, "0"),
        (quantity, 99_999, "99999"),
        (quantity, 100_000, "100 k"),
        (quantity, 999_999, "1000 k"),
        (quantity, 1_048_576, "1.05 M"),
        (quantity, 170_498_071, "170 M"),
        (quantity, 8 * 10**15, "8000 T"),
    ],
)
def test_numbers_are_short(shown: Callable[[float], str], value: float, text: str) -> None:
    assert shown(value) == text
