"""Mean and deviation equal what numpy computes over all pixels at once."""

import numpy as np
import pytest
from PIL import Image

from zoo_core.artifacts import InputSpec
from zoo_core.data.inspection.statistics import channel_statistics
from zoo_core.data.preprocessing import ImagePreprocessing
from zoo_core.errors import DataError


def draw(count, seed=0, mode="RGB"):
    noise = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        size = (*noise.integers(5, 40, 2), len(mode))
        pixels = (noise.integers(0, 256, size) * noise.random(len(mode))).astype(np.uint8)
        images.append(Image.fromarray(pixels.squeeze(), mode=None))
    return images


def settings(mode="rgb", channels=3, **more):
    return ImagePreprocessing(input=InputSpec(channels, 16, 24), color_mode=mode, **more)


def by_numpy(images, preprocessing):
    """Return mean and deviation of what the model would get without normalisation, by a way of its own."""
    plain = ImagePreprocessing(
        input=preprocessing.input,
        scale=preprocessing.scale,
        offset=preprocessing.offset,
        color_mode=preprocessing.color_mode,
        aspect_ratio=preprocessing.aspect_ratio,
        interpolation=preprocessing.interpolation,
    )
    batch = np.stack([plain(image).numpy() for image in images if image is not None]).astype(np.float64)
    return batch.mean(axis=(0, 2, 3)), batch.std(axis=(0, 2, 3))


@pytest.mark.parametrize(
    "kind",
    [("RGB", "rgb", 3), ("RGB", "bgr", 3), ("L", "grayscale", 1), ("RGB", "grayscale", 1), ("RGBA", "rgba", 4)],
    ids=lambda kind: f"{kind[0]} as {kind[1]}",
)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"scale": 1 / 127.5, "offset": -1.0},
        {"scale": -1.0, "offset": 255.0, "aspect_ratio": "padding"},
        {"aspect_ratio": "crop", "interpolation": "nearest", "mean": (0.5,), "std": (0.25,)},
    ],
)
def test_equal_to_numpy_whatever_the_preprocessing(pictures, progress, kind, more):
    mode, colours, channels = kind
    images = draw(130, mode=mode)  # more than two steps of the loader
    preprocessing = settings(colours, channels, **more)
    found = channel_statistics("train", pictures(images, [0] * 130), preprocessing, progress=progress)
    mean, deviation = by_numpy(images, preprocessing)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.deviation, deviation, rtol=1e-5)
    assert (found.images, found.size, found.constant) == (130, (channels, 16, 24), ())


def test_values_normalise_the_images_they_were_measured_on(pictures, progress):
    images = draw(20)
    found = channel_statistics("train", pictures(images, [0] * 20), settings(), progress=progress)
    normalised = settings(mean=found.mean, std=found.deviation)
    batch = np.stack([normalised(image).numpy() for image in images])
    np.testing.assert_allclose(batch.mean(axis=(0, 2, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(batch.std(axis=(0, 2, 3)), 1.0, atol=1e-5)


def test_unreadable_images_are_left_out_and_named(pictures, progress):
    images = [*draw(3), None, *draw(2, seed=1)]
    found = channel_statistics("train", pictures(images, [0] * 6), settings(), progress=progress)
    np.testing.assert_allclose(found.mean, by_numpy(images, settings())[0], rtol=1e-5)
    assert [file.path for file in found.skipped] == ["3"]
    assert found.to_dict()["unreadable"] == [{"path": "3", "reason": "the file is empty"}]


def test_channel_that_never_changes_does_not_end_in_a_division_by_zero(pictures, progress):
    images = [image.convert("RGBA") for image in draw(3)]
    found = channel_statistics("train", pictures(images, [0] * 3), settings("rgba", 4), progress=progress)
    assert (found.mean[3], found.deviation[3], found.constant) == (1.0, 1.0, (4,))


def test_no_readable_image_is_an_error(pictures, progress):
    with pytest.raises(DataError, match="None of 2 train images"):
        channel_statistics("train", pictures([None, None], [0, 0]), settings(), progress=progress)
