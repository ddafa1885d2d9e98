"""Own the choice of a few calibration images and the comparison of two graphs on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from zoo_core.protocols import CalibrationData
from zoo_core.quantization.tapping import TappedModel

Image = npt.NDArray[np.float32]
TINY = float(np.finfo(np.float64).tiny)
MOST = 120.0
"""Ratio in dB beyond which two outputs are the same."""
JUDGING_IMAGES = 48


class FewImages:
    """Keep some images of a calibration on disk, evenly spread over it, as often as they are read."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count

    def __len__(self) -> int:
        """Return the number of images."""
        return self._count

    def __iter__(self) -> Iterator[Image]:
        """Yield arrays of shape (1, C, H, W)."""
        for number in range(self._count):
            yield np.load(self._folder / f"{number}.npy")


def pick_images(calibration: CalibrationData, counts: Sequence[int], folder: Path) -> tuple[FewImages, ...]:
    """Return groups of images, each spread evenly over the calibration.

    No image is in two groups unless there are too few for that.
    """
    places = _places(len(calibration), counts)
    taken = [0] * len(counts)
    for group in range(len(counts)):
        (folder / str(group)).mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(calibration):
        for group, wanted in enumerate(places):
            if place in wanted:
                np.save(folder / str(group) / f"{taken[group]}.npy", image)
                taken[group] += 1
    return tuple(FewImages(folder / str(group), count) for group, count in enumerate(taken))


def _places(length: int, counts: Sequence[int]) -> list[set[int]]:
    """Return the places of each group among the images."""
    if length < sum(counts):
        return [_spread(length, min(count, length)) for count in counts]
    places: list[set[int]] = [set() for _ in counts]
    for place in sorted(_spread(length, sum(counts))):
        group = min(range(len(counts)), key=lambda index: (len(places[index]) + 0.5) / counts[index])
        places[group].add(place)
    return places


def _spread(length: int, count: int) -> set[int]:
    return {(2 * number + 1) * length // (2 * count) for number in range(count)}


def output_snr(quantized: onnx.ModelProto, original: onnx.ModelProto, images: FewImages) -> float:
    """Return the ratio of signal to quantization noise in dB, as mean over the outputs and images.

    The mean over images, rather than the ratio of sums, keeps one image with a clipped range from deciding alone.
    """
    names = [value.name for value in original.graph.output]
    here, there = TappedModel(quantized, names), TappedModel(original, names)
    ratios: list[float] = []
    for image in images:
        found, expected = here.run(image), there.run(image)
        ratios.extend(_ratio(expected[name].astype(np.float64), found[name]) for name in names)
    return float(np.mean(ratios))


def _ratio(expected: npt.NDArray[np.float64], found: npt.NDArray[np.float32]) -> float:
    signal = np.square(expected).sum()
    noise = np.square(expected - found).sum()
    return float(np.clip(10 * np.log10(max(signal, TINY) / max(noise, TINY)), -MOST, MOST))
