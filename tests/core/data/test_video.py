"""Frames of a video are the same in whatever order they are asked for."""

import pickle

import numpy as np
import pytest

from zoo_core.data.video import VideoFrames
from zoo_core.errors import DataError, MissingError

FRAMES = 40
BITS = 6
av = pytest.importorskip("av")


@pytest.fixture(scope="module", params=[("movie.mp4", "mpeg4"), ("movie.avi", "mjpeg")], ids=["mp4", "avi"])
def movie(request, tmp_path_factory):
    """Write a video whose frames hold their number as black and white stripes, with key frames in between."""
    name, codec = request.param
    path = tmp_path_factory.mktemp("video") / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 96, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = 9
        if codec == "mpeg4":
            stream.max_b_frames = 2
        for number in range(FRAMES):
            bits = [255 * (number >> bit & 1) for bit in range(BITS)]
            pixels = np.broadcast_to(np.repeat(np.uint8(bits), 16)[None, :, None], (48, 96, 3)).copy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def number_of(sample):
    stripes = np.asarray(sample.image.convert("L"), float).reshape(48, BITS, 16).mean(axis=(0, 2)) > 127
    return sum(1 << bit for bit, white in enumerate(stripes) if white)


def test_frames_in_order(movie):
    frames = VideoFrames(movie)
    assert len(frames) == FRAMES
    assert [number_of(frames[index]) for index in range(FRAMES)] == list(range(FRAMES))
    assert frames.name(12) == f"{movie}#000012"
    assert frames[12].path == frames.name(12)
    assert frames[0].image.size == (96, 48)
    assert frames[0].target is None


def test_frames_in_any_order(movie):
    frames = VideoFrames(movie)
    order = np.random.default_rng(0).permutation(FRAMES).tolist()
    assert [number_of(frames[index]) for index in order] == order


def test_two_readers_in_order_decode_the_file_twice_at_most(movie, monkeypatch):
    opened = []
    real = av.open
    monkeypatch.setattr("av.open", lambda *args, **options: opened.append(1) or real(*args, **options))
    frames = VideoFrames(movie)
    opened.clear()
    for index in range(FRAMES + 16):
        if index < FRAMES:
            assert number_of(frames[index]) == index
        if index >= 16:
            assert number_of(frames[index - 16]) == index - 16
    assert len(opened) <= 3


def test_pictures_are_not_shared(movie):
    frames = VideoFrames(movie)
    frames[3].image.paste((255, 0, 0), (0, 0, 96, 48))
    assert number_of(frames[3]) == 3


def test_other_processes_open_the_file_themselves(movie):
    frames = VideoFrames(movie)
    assert number_of(frames[20]) == 20
    assert number_of(pickle.loads(pickle.dumps(frames))[5]) == 5  # noqa: S301 - our own bytes


def test_damaged_file_is_refused(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a video"):
        VideoFrames(path)


def test_missing_package_is_named_with_its_extra(movie, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingError, match=r"zoo-detection\[video\] or zoo-pose\[video\]"):
        VideoFrames(movie)
