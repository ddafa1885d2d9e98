"""Own the frames of a video file as images, in any order, decoded when they are asked for."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from zoo_core.errors import DataError, MissingError, UnreadableImageError
from zoo_core.protocols import Sample

KEPT_FRAMES = 8
"""Decoded frames that are kept."""
READERS = 2
"""Places of the file that are read from in turn: that of the predictions, and that of the drawing."""
TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
"""Degrees counterclockwise -> how the picture is turned."""


class VideoFrames:
    """Give access to the frames of the first video track, upright, in the order they are shown.

    Frames are called `movie.mp4#000012`, counted from 0. Each of two readers that go through the frames in order
    costs one pass of decoding; any other order goes back to the key frame before.

    Raises:
        DataError: When the file is no video or holds no frames.
        MissingError: When PyAV is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._track = read_track(path)
        self.targets: Sequence[Any] = (None,) * len(self._track)
        self._open: _OpenVideo | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._track)

    def __getitem__(self, index: int) -> Sample:
        """Decode one frame.

        Raises:
            UnreadableImageError: When the file is damaged there.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        if self._open is None or self._open.process != os.getpid():
            self._open = _OpenVideo(self.path, self._track)
        image = self._open.image(index)
        if image is None:
            raise UnreadableImageError(self.name(index), "the video is damaged there")
        return Sample(image, None, self.name(index))

    def name(self, index: int) -> str:
        """Return the path of the file with the number of a frame."""
        return f"{self.path}#{index:06d}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the open file, which another process cannot use."""
        return {**self.__dict__, "_open": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Hold when each frame of a video is shown, and where decoding can start."""

    times: tuple[int, ...]
    """Time of each frame in the track's own units, ascending; merely counted where the file states no times."""
    keys: tuple[int, ...]
    """Numbers of the key frames, ascending, the first frame included."""
    timed: bool

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.times)

    def key_before(self, index: int) -> int:
        """Return the number of the last key frame up to a frame."""
        return self.keys[bisect_right(self.keys, index) - 1]


def read_track(path: Path) -> Track:
    """Return the frames of a video without decoding them, or by decoding all where the file states no times.

    Raises:
        DataError: When the file is no video or holds no frames.
        MissingError: When PyAV is not installed.
    """
    av = _library()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} has no video track.")
            packets = [
                (packet.pts, packet.is_keyframe)
                for packet in container.demux(container.streams.video[0])
                if packet.size and not packet.is_discard
            ]
        if any(time is None for time, _ in packets) or len({time for time, _ in packets}) < len(packets):
            with av.open(str(path)) as container:
                count = sum(1 for _ in container.decode(container.streams.video[0]))
            track = Track(times=tuple(range(count)), keys=(0,), timed=False)
        else:
            packets.sort()
            keys = {0, *(number for number, (_, key) in enumerate(packets) if key)}
            track = Track(times=tuple(time for time, _ in packets), keys=tuple(sorted(keys)), timed=True)
    except (av.error.FFmpegError, OSError) as error:
        raise DataError(f"{path} cannot be read as a video: {error}.") from error
    if not len(track):
        raise DataError(f"{path} holds no frames.")
    return track


@dataclass(slots=True)
class _Reader:
    """Decode on from one place of the file."""

    container: Any
    frames: Iterator[tuple[int, Any]]
    next: int
    """Number of the frame that comes next, if the file is whole."""


@dataclass(slots=True)
class _OpenVideo:
    """Hold what one process has open of a video."""

    path: Path
    track: Track
    process: int = field(default_factory=os.getpid)
    lock: Any = field(default_factory=threading.Lock)
    kept: OrderedDict[int, Image.Image] = field(default_factory=OrderedDict)
    readers: list[_Reader] = field(default_factory=list)

    def image(self, index: int) -> Image.Image | None:
        """Return one frame, or nothing when it cannot be decoded."""
        with self.lock:
            if index not in self.kept:
                found = self._decode(index)
                if found is None:
                    return None
                self.kept[index] = found
            self.kept.move_to_end(index)
            if len(self.kept) > KEPT_FRAMES:
                self.kept.popitem(last=False)
            return self.kept[index].copy()

    def _decode(self, index: int) -> Image.Image | None:
        key = self.track.key_before(index)
        going_on = [one for one in self.readers if key <= one.next <= index]
        reader = max(going_on, key=lambda one: one.next) if going_on else self._start(key)
        frame = self._go_to(reader, index)
        if frame is None and not going_on:  # some files cannot be entered at a key frame
            frame = self._go_to(self._start(0), index)
        return None if frame is None else _upright(frame)

    def _start(self, key: int) -> _Reader:
        """Open the file at a key frame, in place of the reader that was used longest ago."""
        while len(self.readers) >= READERS:
            self.readers.pop(0).container.close()
        container = _library().open(str(self.path))
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        if key:
            container.seek(self.track.times[key], stream=stream, backward=True)
        reader = _Reader(container, self._numbered(container.decode(stream)), key)
        self.readers.append(reader)
        return reader

    def _numbered(self, frames: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        if not self.track.timed:
            yield from enumerate(frames)
            return
        times = self.track.times
        for frame in frames:
            number = len(times) if frame.pts is None else bisect_left(times, frame.pts)
            if number < len(times) and times[number] == frame.pts:
                yield number, frame

    def _go_to(self, reader: _Reader, index: int) -> Any | None:
        """Decode up to a frame; a reader that cannot reach it is closed."""
        self.readers.remove(reader)
        with suppress(_library().error.FFmpegError):
            for number, frame in reader.frames:
                reader.next = number + 1
                if number == index:
                    self.readers.append(reader)
                    return frame
                if number > index:
                    break
        reader.container.close()
        return None


def _upright(frame: Any) -> Image.Image:
    image: Image.Image = frame.to_image()
    turn = TURNS.get(frame.rotation % 360)
    return image if turn is None else image.transpose(turn)


def _library() -> Any:
    """Import PyAV.

    Raises:
        MissingError: When it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingError(
            "Reading videos needs the package av, which is not installed.",
            hint="Install it with the package of your use case: pip install zoo-detection[video] or zoo-pose[video].",
        ) from error
    return av
