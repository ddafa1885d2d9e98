"""Own the tracker `tensorboard`: a training as event files, with the tags that ST's users know.

The files open with the first epoch: a run without a training leaves none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from zoo_core.config.sections import RunConfig
from zoo_core.protocols import Histogram
from zoo_core.reporting.trackers import asking
from zoo_core.reporting.trackers.run_facts import inside, run_facts
from zoo_core.runs.events import PARAMETERS, read_events

TRAIN, EVALUATION = "train_", "val_"
PICTURES = frozenset({".png", ".jpg", ".jpeg"})
PREDICTION = "prediction"
FILES = "events.out.tfevents.*"
WHOLE_RUN = 0
"""Step of what belongs to no epoch."""


def build(config: RunConfig, run_dir: Path) -> TensorBoardTracker | None:
    """Build the tracker unless `training.log_tb` is off or its package is absent.

    Raises:
        MissingError: When the user wrote the key and tensorboardX is not installed.
    """
    if not asking.tensorboard(config):
        return None
    return TensorBoardTracker(run_dir, run_dir / run_facts(run_dir).get("tensorboard", config.general.logs_dir))


class TensorBoardTracker:
    """Write `train/...`, `eval/...` and `lr/0` after every epoch, beside them what the run measured and drew."""

    def __init__(self, run_dir: Path, folder: Path) -> None:
        self._run_dir = run_dir
        self._folder = folder
        self._file: EventFile | None = None
        self._last = 0
        self._parameters: Mapping[str, Any] = {}

    def log_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Show the configuration as a table."""
        self._parameters = parameters
        if (file := self._opened()) is not None:
            file.text("configuration", _table(parameters))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the numbers of an epoch as points of curves, others as single points under our names."""
        if step is None:
            file, tagged = self._opened(), {name: value for name, value in metrics.items() if "/" in name}
        else:
            file = self._open_for(step)
            tagged = {tag: value for name, value in metrics.items() if (tag := tag_of(name)) is not None}
        if file is not None:
            file.scalars(tagged, WHOLE_RUN if step is None else step)

    def log_histograms(self, histograms: Mapping[str, Histogram], step: int) -> None:
        """Show how the weights are spread."""
        if (file := self._opened()) is not None:
            file.histograms({f"weights/{name}": found for name, found in histograms.items()}, step)

    def log_file(self, path: Path) -> None:
        """Show a figure; pictures of predictions and files of other kinds stay where they are."""
        name = inside(self._run_dir, path)
        if path.suffix.lower() in PICTURES and PREDICTION not in name and (file := self._opened()) is not None:
            file.picture(name, path)

    def close(self) -> None:
        """End the event file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> EventFile | None:
        """Return the event file; nothing before the first epoch of a run."""
        if self._file is None and self._has_files():
            self._file = EventFile(self._folder)
        return self._file

    def _open_for(self, step: int) -> EventFile:
        """Return the event file for an epoch; what older files say of this epoch and later ones no longer counts."""
        if self._file is None or step <= self._last:
            self.close()
            first = not self._has_files()
            self._file = EventFile(self._folder, void_from=None if first else step)
            if first and (parameters := self._configuration()):
                self._file.text("configuration", _table(parameters))
        self._last = step
        return self._file

    def _configuration(self) -> Mapping[str, Any]:
        """Return the parameters, which an earlier process may have been told."""
        told = (event["parameters"] for event in reversed(read_events(self._run_dir)) if event["event"] == PARAMETERS)
        return self._parameters or next(told, {})

    def _has_files(self) -> bool:
        return any(self._folder.glob(FILES))


class EventFile:
    """Write one file of TensorBoard events; everything is on the disk when a call returns."""

    def __init__(self, folder: Path, *, void_from: int | None = None) -> None:
        """Open a new file in a folder.

        Args:
            folder: Folder of event files, made where it is absent.
            void_from: Step from which on the events of older files no longer count.
        """
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._event = Event
        folder.mkdir(parents=True, exist_ok=True)
        self._writer: Any = EventsWriter(str(folder / "events"), _free_suffix(folder))
        if void_from is not None:
            self._write(void_from, session_log=SessionLog(status=SessionLog.START))
        self._writer.flush()

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write one number per tag."""
        self._summary(step, [{"tag": tag, "simple_value": value} for tag, value in values.items()])

    def text(self, tag: str, text: str) -> None:
        """Write a text in Markdown."""
        from tensorboardX.summary import text as summary_of

        self._write(WHOLE_RUN, summary=summary_of(tag, text))
        self._writer.flush()

    def picture(self, tag: str, path: Path) -> None:
        """Write an image file as it is; one that is none is left out."""
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                size = {"height": image.height, "width": image.width, "colorspace": len(image.getbands())}
        except UnidentifiedImageError:
            return
        self._summary(WHOLE_RUN, [{"tag": tag, "image": {**size, "encoded_image_string": path.read_bytes()}}])

    def histograms(self, histograms: Mapping[str, Histogram], step: int) -> None:
        """Write one histogram per tag; sums are those of values in the middle of their bins."""
        self._summary(step, [{"tag": tag, "histo": _moments(found)} for tag, found in histograms.items()])

    def close(self) -> None:
        """End the file."""
        self._writer.close()

    def _summary(self, step: int, values: list[dict[str, Any]]) -> None:
        if values:
            self._write(step, summary={"value": values})
            self._writer.flush()

    def _write(self, step: int, **content: Any) -> None:
        self._writer.write_event(self._event(wall_time=time.time(), step=step, **content))


def tag_of(column: str) -> str | None:
    """Return the tag of a number of an epoch, nothing for those that are no measurement."""
    if column == "lr":
        return "lr/0"
    for prefix, group in ((TRAIN, "train"), (EVALUATION, "eval")):
        if column.startswith(prefix):
            return f"{group}/{column.removeprefix(prefix)}"
    return None


def _free_suffix(folder: Path) -> str:
    """Return an ending that no file has yet: names hold the time in seconds only, and an older file would be lost."""
    return next(suffix for number in count() if not any(folder.glob(f"*{(suffix := f'.{os.getpid()}.{number:03}')}")))


def _moments(histogram: Histogram) -> dict[str, Any]:
    edges, counts = histogram["edges"], histogram["counts"]
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    return {
        "min": edges[0],
        "max": edges[-1],
        "num": sum(counts),
        "sum": sum(middle * held for middle, held in zip(middles, counts, strict=True)),
        "sum_squares": sum(middle * middle * held for middle, held in zip(middles, counts, strict=True)),
        "bucket_limit": edges[1:],
        "bucket": counts,
    }


def _table(parameters: Mapping[str, Any]) -> str:
    rows = [f"| {key} | {str(value).replace('|', '&#124;')} |" for key, value in parameters.items()]
    return "\n".join(["| key | value |", "| --- | --- |", *rows])
