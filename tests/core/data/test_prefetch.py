"""Reading ahead changes neither order nor errors, holds little, and ends with its consumer."""

import threading
import time

import pytest

from zoo_core.data.prefetch import read_ahead
from zoo_core.errors import DataError


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "zoo read ahead"]


def test_items_come_in_order_and_the_thread_ends():
    assert list(read_ahead(range(100))) == list(range(100))
    assert threads() == []


def test_error_comes_after_the_items_before_it():
    def source():
        yield 1
        raise DataError("no more")

    stream = read_ahead(source())
    assert next(stream) == 1
    with pytest.raises(DataError, match="no more"):
        next(stream)
    assert threads() == []


def test_no_more_than_the_depth_is_held():
    made = []

    def source():
        for number in range(50):
            made.append(number)
            yield number

    stream = read_ahead(source(), depth=2)
    next(stream)
    time.sleep(0.3)
    assert len(made) <= 4
    stream.close()
    assert threads() == []


def test_reading_and_computing_overlap():
    def source():
        for number in range(8):
            time.sleep(0.05)
            yield number

    started = time.monotonic()
    for _ in read_ahead(source()):
        time.sleep(0.05)
    assert time.monotonic() - started < 0.05 * 8 * 2 * 0.85
