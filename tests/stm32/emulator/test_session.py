"""Show that a session gives what the arithmetic of the network gives, image by image, in either layout."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.errors import UserError
from zoo_core.protocols import InferenceSession
from zoo_stm32.artifacts import FirmwareImage, IoTensor
from zoo_stm32.emulator import EmulationError, EmulatorSession, FaultKind, Machine
from zoo_stm32.emulator.session import find_layout

Build = Callable[..., FirmwareImage]


def real_means(stored: np.ndarray) -> np.ndarray:
    """Compute the first output of the test firmware from stored inputs of shape (N, 48)."""
    scaled = np.clip(stored.astype(np.int64) * 2 - 3, -128, 127).reshape(-1, 4, 12)
    means = np.trunc(scaled.sum(axis=2) / 12)
    return ((means - 2) * 0.25).astype(np.float32)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-70, 60, (count, 3, 4, 4)).astype(np.float32)


def stored(values: np.ndarray) -> np.ndarray:
    """Quantize with scale 0.5 and zero point -3."""
    return np.clip(np.round(values / 0.5) - 3, -128, 127)


@pytest.mark.parametrize("machines", [None, 1, 3])
def test_outputs_are_real_numbers_in_the_order_of_the_images(build: Build, machines: int | None) -> None:
    batch = images(9)
    with EmulatorSession(build(), machines=machines) as session:
        means, sums = session.run(batch)
        assert session.executions == 9
        again = session.run(batch[::-1])[0]
    np.testing.assert_array_equal(means, real_means(stored(batch).reshape(9, 48)))
    np.testing.assert_array_equal(again, means[::-1])
    assert means.dtype == sums.dtype == np.float32
    assert sums.shape == (9, 4)


def test_a_session_is_an_inference_session(build: Build) -> None:
    session: InferenceSession = EmulatorSession(build(), machines=1)
    assert session.input == InputSpec(3, 4, 4)
    session.close()


def test_channels_last(build: Build) -> None:
    image = build()
    last = replace(image, inputs=(replace(image.inputs[0], shape=(1, 4, 4, 3)),))
    batch = images(2)
    with EmulatorSession(last, machines=1) as session:
        assert session.input == InputSpec(3, 4, 4)
        (means, _) = session.run(batch)
    np.testing.assert_array_equal(means, real_means(stored(batch.transpose(0, 2, 3, 1)).reshape(2, 48)))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 3, 32, 32), "NCHW"), ((1, 32, 32, 3), "NHWC"), ((1, 1, 28, 28), "NCHW"), ((1, 28, 28, 1), "NHWC"),
        ((1, 4, 8, 8), "NCHW"), ((1, 8, 8, 4), "NHWC"), ((1, 16, 16, 12), "NHWC"), ((1, 12, 16, 16), "NCHW"),
    ],
)  # fmt: skip
def test_layouts(shape: tuple[int, ...], layout: str) -> None:
    assert find_layout(IoTensor(name="x", type="int8", shape=shape)) == layout


def test_what_does_not_fit_is_refused(build: Build) -> None:
    image = build()
    with EmulatorSession(image, machines=1) as session:
        for shape in ((1, 3, 4, 5), (0, 3, 4, 4), (3, 4, 4)):
            with pytest.raises(UserError, match=r"takes images of shape \(N, 3, 4, 4\)"):
                session.run(np.zeros(shape, np.float32))
    with pytest.raises(UserError, match="does not take one image"):
        EmulatorSession(replace(image, inputs=image.inputs * 2))
    with pytest.raises(UserError, match="machines is 0"):
        EmulatorSession(image, machines=0)


def test_a_fault_in_one_image_ends_the_batch(build: Build) -> None:
    batch = images(6)
    batch[2, 0, 0, :2] = (65.0, 3.5)  # stored as 127 and 4: an undefined instruction
    with EmulatorSession(build(), machines=2) as session:
        with pytest.raises(EmulationError) as caught:
            session.run(batch)
        assert caught.value.kind is FaultKind.UNDEFINED
        assert session.run(images(2))[0].shape == (2, 4)


def test_a_session_frees_its_threads(build: Build) -> None:
    before = threading.active_count()
    session = EmulatorSession(build(), machines=2)
    session.run(images(4))
    session.close()
    assert threading.active_count() == before


def test_notes_come_from_the_machines(build: Build) -> None:
    with EmulatorSession(build("cortex-m55"), machines=2) as session:
        session.run(images(4))
        assert session.notes == Machine(build("cortex-m55")).notes
