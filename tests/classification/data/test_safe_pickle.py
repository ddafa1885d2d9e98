"""Pickles are read as data: batches come out as they are, and whatever would execute code is refused."""

import contextlib
import os
import pickle
import pickletools
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from official_files import pixels, python2_pickle

from zoo_classification.data.safe_pickle import ByteArray, read_pickle
from zoo_core.errors import DataError

DATA = pixels(0, 4, 3072)
BATCH = {"batch_label": "batch 1 of 5", "labels": [6, 9, 9, 4], "data": DATA, "filenames": ["a.png", "b.png"]}
OFFICIAL = python2_pickle(BATCH)
PATH = Path("data_batch_1")


def read(content):
    return read_pickle(content, PATH)


def refuse(content):
    with pytest.raises(DataError) as caught:
        read(content)
    return str(caught.value)


def test_hand_written_official_batch_is_what_python_itself_reads():
    trusted = pickle.loads(OFFICIAL, encoding="bytes")  # noqa: S301 - our own bytes
    assert list(trusted) == [key.encode() for key in BATCH]
    np.testing.assert_array_equal(trusted[b"data"], DATA)
    assert trusted[b"labels"] == BATCH["labels"]


def test_official_batch_comes_out_whole():
    found = read(OFFICIAL)
    assert list(found) == list(BATCH)
    assert found["data"] == ByteArray((4, 3072), DATA.tobytes())
    assert found["labels"] == [6, 9, 9, 4]
    assert found["filenames"] == [b"a.png", b"b.png"]


@pytest.mark.parametrize("protocol", range(6))
def test_batches_written_anew_by_python_3_are_read_too(protocol):
    found = read(pickle.dumps(BATCH, protocol=protocol))
    assert found["data"] == ByteArray((4, 3072), DATA.tobytes())
    assert found["labels"] == [6, 9, 9, 4]


@pytest.mark.parametrize("protocol", range(6))
def test_array_of_other_numbers_is_refused(protocol):
    for array in (DATA.astype(np.float32), DATA.astype(np.int16), np.array([object()])):
        if protocol < 2 and array.dtype == object:
            continue
        content = pickle.dumps({"data": array}, protocol=protocol)
        assert "refused" in refuse(content) or "damaged" in refuse(content)


class Command:
    """Make a directory when it is unpickled the ordinary way."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_is_executed(tmp_path, protocol):
    content = pickle.dumps({"data": DATA, "labels": Command(tmp_path / "made")}, protocol=protocol)
    message = refuse(content)
    assert "mkdir" in message
    assert not (tmp_path / "made").exists()
    pickle.loads(content)  # noqa: S301 - the same bytes do execute it where nothing is refused
    assert (tmp_path / "made").exists()


GLOBALS = [
    b"cos\nsystem\n",
    b"cbuiltins\neval\n",
    b"cbuiltins\ngetattr\n",
    b"c__builtin__\neval\n",
    b"ccopyreg\n_reconstructor\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy\nload\n",
    b"cnumpy.core.multiarray\n_reconstruct.__globals__\n",
    b"\x8c\x05numpy\x8c\x0cf2py.os.open\x93",
    b"ios\nsystem\n",
]


@pytest.mark.parametrize("name", GLOBALS)
def test_every_other_name_is_refused(name):
    assert "which no batch needs" in refuse(b"\x80\x04(" + name + b".")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"cnumpy\nndarray\n(K\x01tR", "refused: it calls numpy.ndarray"),
        (b"cnumpy\nndarray\n(K\x01t\x81", "damaged"),  # its __new__
        (b"cnumpy.core.multiarray\n_reconstruct\n}U\x08__call__K\x01sb", "refused: it changes a function"),
        (b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR", "refused: an array in it has numbers of the kind 'O8'"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aU\x03rottR", "refused: it encodes a text in an unusual way"),
        (b"U\x04evilQ", "refused: it refers to something outside the file"),
        (b"\x82\x01", "damaged"),  # a registered extension
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(tR(K\x01(K\x05tcnumpy\ndtype\n(U\x02u1tR\x89U\x01atb",
            "refused: the shape of an array in it does not fit its bytes",
        ),
    ],
)
def test_odd_uses_of_the_allowed_names_are_refused(content, words):
    assert words in refuse(b"\x80\x02}U\x04data" + content + b"s.")


def test_array_cannot_be_changed_after_it_was_read():
    array = b"cnumpy.core.multiarray\n_reconstruct\n(tR"
    state = b"(K\x01(K\x01tcnumpy\ndtype\n(U\x02u1tR\x89U\x01atb"
    assert read(b"\x80\x02}U\x04data" + array + state + b"s.")["data"] == ByteArray((1,), b"a")
    refuse(b"\x80\x02}U\x04data" + array + state + state + b"s.")


def test_a_few_bytes_cannot_ask_for_much_memory():
    content = b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b"."
    tracemalloc.start()
    assert read(content) == {}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


def test_what_is_no_dictionary_is_refused():
    assert "holds a list, not a dictionary" in refuse(pickle.dumps([1, 2]))
    assert "data_batch_1" in refuse(b"<html>not found</html>")
    assert "truncated or damaged" in refuse(b"")


def test_every_cut_off_batch_is_refused_in_words():
    ends = [position for _, _, position in pickletools.genops(OFFICIAL)]
    for end in {*ends, *range(0, len(OFFICIAL), 997)} - {0}:
        assert "truncated or damaged" in refuse(OFFICIAL[:end])


SMALL = python2_pickle({"labels": [1, 2], "data": pixels(1, 1, 3)})


@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damage_of_any_kind_is_an_error_of_the_data_or_harmless(changes):
    content = bytearray(SMALL)
    for place, value in changes:
        content[place] = value
    try:
        found = read(bytes(content))
    except DataError:
        return
    assert isinstance(found, dict)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_of_the_data_or_harmless(content):
    with contextlib.suppress(DataError):
        read(b"\x80\x04" + content)
