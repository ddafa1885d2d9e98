"""One preprocessing object, and the one that a model file describes, behind every stream of images."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.calibration import DatasetCalibration
from zoo_core.data.loader import eval_loader
from zoo_core.data.preprocessing import ASPECT_RATIOS, CHANNELS, RESAMPLING, ImagePreprocessing
from zoo_core.protocols import Sample


class Pictures:
    """Random pictures of one mode and of several sizes."""

    def __init__(self, mode, sizes, seed=0, *, in_memory=True):
        self.in_memory = in_memory
        self.targets = list(range(len(sizes)))
        noise = np.random.default_rng(seed)
        pixels = [noise.integers(0, 256, (height, width, 4), dtype=np.uint8) for width, height in sizes]
        self.images = [Image.fromarray(array).convert(mode) for array in pixels]

    def __len__(self):
        return len(self.images)

    def name(self, index):
        return str(index)

    def __getitem__(self, index):
        return Sample(self.images[index], index, str(index))


@st.composite
def preprocessings(draw):
    color_mode = draw(st.sampled_from(sorted(CHANNELS)))
    channels = CHANNELS[color_mode]
    numbers = st.lists(st.floats(0.1, 2), min_size=channels, max_size=channels).map(tuple)
    return ImagePreprocessing(
        input=InputSpec(channels, draw(st.integers(1, 20)), draw(st.integers(1, 20))),
        scale=draw(st.sampled_from([1 / 255, 1 / 127.5, -1 / 255, 1.0])),
        offset=draw(st.sampled_from([0.0, -1.0, 0.5])),
        mean=draw(numbers),
        std=draw(numbers),
        interpolation=draw(st.sampled_from(sorted(RESAMPLING))),
        aspect_ratio=draw(st.sampled_from(ASPECT_RATIOS)),
        color_mode=color_mode,
    )


@settings(max_examples=60)
@given(
    preprocessings(),
    st.sampled_from(["L", "RGB", "RGBA", "P", "CMYK", "I;16", "1"]),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=4),
)
def test_streams_hold_the_tensor_that_the_preprocessing_makes(prepare, mode, sizes):
    dataset = Pictures("L" if mode == "I;16" else mode, sizes)
    if mode == "I;16":
        dataset.images = [Image.fromarray(np.asarray(image).astype(np.uint16) * 257) for image in dataset.images]
    wanted = torch.stack([prepare(image) for image in dataset.images])
    assert wanted.shape == (len(sizes), *prepare.input.shape)
    described = ImagePreprocessing.from_metadata(json.loads(json.dumps(prepare.to_metadata())))
    assert torch.equal(torch.stack([described(image) for image in dataset.images]), wanted)
    (batch,) = eval_loader(dataset, prepare, list, len(sizes))
    assert torch.equal(batch.images, wanted)
    assert np.array_equal(np.concatenate([*DatasetCalibration(dataset, prepare)]), wanted.numpy())


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_loader_processes_and_batches_change_nothing(batch_size):
    prepare = ImagePreprocessing(input=InputSpec(3, 6, 5), mean=(0.4,), aspect_ratio="padding")
    sizes = [(3 + index % 7, 4 + index % 5) for index in range(300)]
    loader = eval_loader(Pictures("RGB", sizes, in_memory=False), prepare, list, batch_size, workers=batch_size == 7)
    try:
        found = torch.cat([batch.images for batch in loader])
    finally:
        loader.close()
    wanted = torch.stack([prepare(image) for image in Pictures("RGB", sizes).images])
    assert torch.equal(found, wanted)
