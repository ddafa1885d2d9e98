"""Own the showing of figures on the desktop: which ones, whether there is a screen for them, never waiting for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from zoo_core.runs.file_kinds import FIGURE, kind_of
from zoo_core.runs.log import logger

MOST_SHOWN = 8
"""Figures of one stage that are opened; the rest is named."""
IMAGES_OF = frozenset({"predictions", "examples"})
"""Folders whose pictures are images of the data set."""
DESKTOPS = ("DISPLAY", "WAYLAND_DISPLAY")
REMOTE = ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")
WITH_DESKTOP = ("darwin", "win32", "cygwin")
"""Platforms that have a screen unless somebody is logged in from elsewhere."""


def has_display(environ: Mapping[str, str], platform: str) -> bool:
    """Tell whether a window would be seen by the user.

    Args:
        environ: Environment variables.
        platform: As `sys.platform` names it.
    """
    if platform in WITH_DESKTOP:
        return not any(environ.get(name) for name in REMOTE)
    return any(environ.get(name) for name in DESKTOPS)


def figures_of(files: Sequence[str]) -> tuple[str, ...]:
    """Return the figures among the files of a stage, leaving out drawn images of the data set."""
    found = ((file, PurePosixPath(file)) for file in files)
    return tuple(
        file for file, path in found if kind_of(Path(file)) == FIGURE and not IMAGES_OF.intersection(path.parts[:-1])
    )


def show_figures(
    figures: Sequence[Path],
    *,
    visible: bool | None = None,
    launch: Callable[[str], object] | None = None,
) -> None:
    """Name figures on the screen, and open the first of them where there is a display; the call returns at once.

    Args:
        figures: Files to show.
        visible: Whether there is a display; found out when not given.
        launch: Opens one file; the viewer of the desktop when not given.
    """
    seen = _is_visible() if visible is None else visible
    opened = tuple(figures[:MOST_SHOWN]) if seen else ()
    for figure in figures:
        logger.info("Figure: %s", figure)
    if len(opened) < len(figures) and opened:
        logger.info("The first %d figures are shown; the others are in the files above.", len(opened))
    if opened:
        thread = threading.Thread(target=_open, args=(opened, launch), name="zoo figures", daemon=True)
        thread.start()


def _is_visible() -> bool:
    return sys.stderr.isatty() and has_display(os.environ, sys.platform)


def _open(figures: Sequence[Path], launch: Callable[[str], object] | None) -> None:
    try:
        opener = launch or _launcher()
        for figure in figures:
            opener(str(figure))
    except Exception as error:  # noqa: BLE001 - a viewer that cannot be started must not disturb the run
        logger.debug("A figure could not be shown", exc_info=error)


def _launcher() -> Callable[[str], object]:
    import typer

    return typer.launch
