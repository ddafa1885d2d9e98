"""Predictions are computed for videos, told by their endings."""

import numpy as np
import pytest

from zoo_core.data.video import VideoFrames
from zoo_detection.data.prediction import prediction_images

av = pytest.importorskip("av")


def test_video_is_recognised_by_its_ending(tmp_path):
    path = tmp_path / "movie.MP4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 32, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    found = prediction_images(path, [])
    assert isinstance(found, VideoFrames)
    assert len(found) == 3
