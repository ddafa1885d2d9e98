"""IDX files: what torchvision's reader makes of them, raw or compressed, and what is said about damaged ones."""

import gzip

import numpy as np
import pytest
import torchvision.datasets.mnist as torchvision_mnist
from official_files import idx_bytes, pixels

from zoo_classification.data.idx import IMAGES, LABELS, read_idx
from zoo_core.errors import DataError

PICTURES = pixels(3, 7, 5, 4)
NUMBERS = pixels(4, 9)


def refuse(path, dimensions=IMAGES):
    with pytest.raises(DataError) as caught:
        read_idx(path, dimensions)
    return str(caught.value)


@pytest.mark.parametrize(("array", "dimensions"), [(PICTURES, IMAGES), (NUMBERS, LABELS)])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_read_as_torchvision_reads_them(tmp_path, array, dimensions, packed):
    raw, path = tmp_path / "raw", tmp_path / "file"
    raw.write_bytes(idx_bytes(array))
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    found = read_idx(path, dimensions)
    np.testing.assert_array_equal(found, torchvision_mnist.read_sn3_pascalvincent_tensor(str(raw)).numpy())
    assert isinstance(found, np.memmap) is not packed


def test_compression_is_seen_by_content_not_by_name(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(idx_bytes(PICTURES))
    np.testing.assert_array_equal(read_idx(path, IMAGES), PICTURES)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (idx_bytes(NUMBERS), "no IDX file of images: it begins with 0x00000801, expected the magic number 0x00000803"),
        (b"<html>", "begins with 0x3c68746d"),
        (b"", "begins with nothing"),
        (idx_bytes(PICTURES)[:10], "ends within its header"),
        (idx_bytes(PICTURES)[:-1], "is truncated: 139 bytes follow the header, which announces 140"),
        (idx_bytes(PICTURES) + b"x", "more bytes follow the header than the 140"),
        (idx_bytes(PICTURES[:0]), "holds nothing"),
    ],
)
def test_other_content_is_refused_in_words(tmp_path, content, words, packed):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    message = refuse(path)
    assert str(path) in message
    assert words in message


def test_every_cut_off_compressed_file_is_refused(tmp_path):
    path, content = tmp_path / "x.gz", gzip.compress(idx_bytes(PICTURES))
    for end in range(2, len(content), 5):
        path.write_bytes(content[:end])
        assert "truncated" in refuse(path)


def test_damaged_compression_is_refused(tmp_path):
    path, content = tmp_path / "x.gz", bytearray(gzip.compress(idx_bytes(PICTURES)))
    content[20] ^= 0xFF
    path.write_bytes(content)
    refuse(path)


def test_unreadable_file_is_an_error_of_the_data(tmp_path):
    assert "cannot be read" in refuse(tmp_path)
    assert "cannot be read" in refuse(tmp_path / "absent")
