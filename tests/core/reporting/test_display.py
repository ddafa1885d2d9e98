"""Figures are opened where somebody sees them, and never hold up a run."""

import logging
import threading
from pathlib import Path

import pytest

from zoo_core.reporting.display import figures_of, has_display, show_figures


@pytest.mark.parametrize(
    ("environ", "platform", "seen"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a b"}, "linux", True),  # a display that comes along
        ({}, "freebsd14", False),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a b"}, "darwin", False),
        ({"SSH_TTY": "/dev/ttys001"}, "darwin", False),
        ({}, "win32", True),
        ({"SSH_CLIENT": "a b"}, "win32", False),
    ],
)
def test_display_is_where_a_window_is_seen(environ: dict[str, str], platform: str, seen: bool) -> None:
    assert has_display(environ, platform) is seen


def test_figures_are_pictures_that_no_image_of_the_data_set_was_drawn_into() -> None:
    files = [
        "saved_models/best_model.pt",
        "training_curves.png",
        "stages/3_evaluation/float_model_confusion_matrix.SVG",
        "predictions/cat.jpg.png",
        "stages/3_evaluation/examples/03_prediction.jpg",
        "metrics.json",
        "predictions.png",
    ]
    assert figures_of(files) == (
        "training_curves.png",
        "stages/3_evaluation/float_model_confusion_matrix.SVG",
        "predictions.png",
    )


class Viewer:
    """Note what was opened."""

    def __init__(self, count: int) -> None:
        self.opened: list[str] = []
        self.done = threading.Event()
        self._count = count

    def __call__(self, path: str) -> None:
        self.opened.append(path)
        if len(self.opened) == self._count:
            self.done.set()


def test_first_eight_figures_are_opened_and_all_are_named(caplog: pytest.LogCaptureFixture) -> None:
    paths = [Path(f"/run/{number}.png") for number in range(10)]
    viewer = Viewer(8)
    with caplog.at_level(logging.INFO, "zoo"):
        show_figures(paths, visible=True, launch=viewer)
    assert viewer.done.wait(5)
    assert viewer.opened == [str(path) for path in paths[:8]]
    assert [record.getMessage() for record in caplog.records] == [
        *(f"Figure: {path}" for path in paths),
        "The first 8 figures are shown; the others are in the files above.",
    ]


def test_figures_are_only_named_without_a_display(caplog: pytest.LogCaptureFixture) -> None:
    viewer = Viewer(1)
    with caplog.at_level(logging.INFO, "zoo"):
        show_figures([Path("/run/a.png")], visible=False, launch=viewer)
    assert [record.getMessage() for record in caplog.records] == ["Figure: /run/a.png"]
    assert not viewer.done.wait(0.05)


def test_nothing_is_opened_where_standard_error_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Viewer(1)
    monkeypatch.setenv("DISPLAY", ":0")
    show_figures([Path("/run/a.png")], launch=viewer)
    assert not viewer.done.wait(0.05)


def test_slow_viewer_does_not_hold_up_the_run() -> None:
    closed, begun = threading.Event(), threading.Event()

    def view(path: str) -> None:
        begun.set()
        closed.wait(5)

    show_figures([Path("/run/a.png")], visible=True, launch=view)
    assert begun.wait(5)
    assert not closed.is_set()  # the call came back while the viewer is open
    closed.set()


def test_viewer_that_fails_disturbs_nothing() -> None:
    tried = threading.Event()

    def fail(path: str) -> None:
        tried.set()
        raise RuntimeError("no viewer")

    show_figures([Path("/run/a.png")], visible=True, launch=fail)
    assert tried.wait(5)
