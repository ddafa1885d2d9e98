"""Write small data sets in the exact formats that their authors distribute, each by its own description."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from zoo_core.protocols import SPLITS, DataRequest

PIXELS_OF_CIFAR = 3 * 32 * 32
Batches = dict[str, tuple[np.ndarray, list[int]]]
"""File -> its pixels, one image per row, and labels."""


def request(section: Any, *splits: str, **more: Any) -> DataRequest:
    """Ask for some splits, or for all, as a run does."""
    return DataRequest(splits=frozenset(splits or SPLITS), seed=section.seed, **more)


def names(dataset: Any) -> list[str]:
    return [dataset.name(index) for index in range(len(dataset))]


def arrays(dataset: Any) -> list[np.ndarray]:
    return [np.asarray(dataset[index].image) for index in range(len(dataset))]


def sent(dataset: Any) -> tuple[Any, int]:
    """Return a data set as it arrives in another process, and the bytes that travelled."""
    content = pickle.dumps(dataset)
    return pickle.loads(content), len(content)  # noqa: S301 - our own bytes


def pixels(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# ---------------------------------------------------------------- pickles as Python 2 wrote them


def python2_pickle(batch: Mapping[str, Any]) -> bytes:
    """Return the opcodes that Python 2's cPickle writes for a CIFAR batch with protocol 2."""
    memo = _Memo()
    items = b"".join(_bytes2(key, memo) + _value(value, memo) for key, value in batch.items())
    return b"\x80\x02}" + memo.put() + b"(" + items + b"u."


class _Memo:
    def __init__(self) -> None:
        self.count = 0

    def put(self) -> bytes:
        self.count += 1
        return b"q" + bytes([self.count]) if self.count < 256 else b"r" + struct.pack("<I", self.count)


def _bytes2(text: str, memo: _Memo) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("ascii") + memo.put()


def _int(value: int) -> bytes:
    return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)


def _value(value: Any, memo: _Memo) -> bytes:
    if isinstance(value, str):
        return _bytes2(value, memo)
    if isinstance(value, np.ndarray):
        return _array(value, memo)
    items = b"".join(_int(item) if isinstance(item, int) else _bytes2(item, memo) for item in value)
    return b"]" + memo.put() + b"(" + items + b"e"


def _array(array: np.ndarray, memo: _Memo) -> bytes:
    content = array.tobytes()
    return b"".join(
        [
            b"cnumpy.core.multiarray\n_reconstruct\n" + memo.put(),
            b"cnumpy\nndarray\n" + memo.put(),
            b"K\x00\x85" + memo.put() + _bytes2("b", memo) + b"\x87" + memo.put() + b"R" + memo.put(),
            b"(K\x01" + _int(array.shape[0]) + _int(array.shape[1]) + b"\x86" + memo.put(),
            b"cnumpy\ndtype\n" + memo.put() + _bytes2("u1", memo) + b"K\x00K\x01\x87" + memo.put() + b"R" + memo.put(),
            b"(K\x03" + _bytes2("|", memo) + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00t" + memo.put() + b"b",
            b"\x89T" + struct.pack("<I", len(content)) + content + memo.put() + b"t" + memo.put() + b"b",
        ]
    )


def write_cifar10(
    folder: Path, *, per_batch: int = 10, binary: bool = False
) -> dict[str, tuple[np.ndarray, list[int]]]:
    """Write six batches and return pixels, shape (N, 3072), and labels of each."""
    folder.mkdir(parents=True)
    written = {}
    for number, name in enumerate([f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]):
        data = pixels(number, per_batch, PIXELS_OF_CIFAR)
        labels = [(number + row) % 10 for row in range(per_batch)]
        if binary:
            records = np.concatenate([np.array(labels, np.uint8)[:, None], data], axis=1)
            (folder / f"{name}.bin").write_bytes(records.tobytes())
        else:
            batch = {
                "batch_label": f"batch {number} of 5",
                "labels": labels,
                "data": data,
                "filenames": [f"picture_s_{row:06d}.png" for row in range(per_batch)],
            }
            (folder / name).write_bytes(python2_pickle(batch))
        written[name] = data, labels
    return written


def write_cifar100(folder: Path, *, images: int = 120, binary: bool = False) -> Batches:
    """Write both files and return pixels and fine labels; the coarse label is the fine one divided by five."""
    folder.mkdir(parents=True)
    written = {}
    for number, name in enumerate(["train", "test"]):
        data = pixels(number, images, PIXELS_OF_CIFAR)
        fine = [(number + row) % 100 for row in range(images)]
        coarse = [label // 5 for label in fine]
        if binary:
            head = np.array([coarse, fine], np.uint8).T
            (folder / f"{name}.bin").write_bytes(np.concatenate([head, data], axis=1).tobytes())
        else:
            batch = {
                "filenames": [f"picture_s_{row:06d}.png" for row in range(images)],
                "batch_label": f"{name} batch 1 of 1",
                "fine_labels": fine,
                "coarse_labels": coarse,
                "data": data,
            }
            (folder / name).write_bytes(python2_pickle(batch))
        written[name] = data, fine
    return written


# ---------------------------------------------------------------- IDX, Matlab, lists


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(
    folder: Path, *, train: int = 50, test: int = 20, packed: bool = True, stems: Sequence[str] = ("train", "t10k")
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write the four files and return images, shape (N, 28, 28), and labels of each split."""
    folder.mkdir(parents=True)
    written = {}
    for stem, count in zip(stems, (train, test), strict=True):
        images, labels = pixels(count, count, 28, 28), np.arange(count, dtype=np.uint8) % 10
        for name, array in ((f"{stem}-images-idx3-ubyte", images), (f"{stem}-labels-idx1-ubyte", labels)):
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
        written[stem] = images, labels
    return written


def write_flowers102(folder: Path, *, images: int = 30) -> tuple[list[int], dict[str, list[int]]]:
    """Write images, labels and splits; return the label of each image, from 1, and the images of each split."""
    (folder / "jpg").mkdir(parents=True)
    labels = [1 + (7 * number) % 102 for number in range(images)]
    order = np.random.default_rng(0).permutation(images) + 1
    ids = {"trnid": order[:10], "valid": order[10:20], "tstid": order[20:]}
    for number in range(1, images + 1):
        Image.fromarray(pixels(number, 5, 6, 3)).save(folder / "jpg" / f"image_{number:05d}.jpg")
    savemat(folder / "imagelabels.mat", {"labels": np.array([labels], np.uint8)})
    savemat(folder / "setid.mat", {key: np.array([value], np.uint16) for key, value in ids.items()})
    return labels, {key: value.tolist() for key, value in ids.items()}


def write_food101(folder: Path, classes: Sequence[str] = ("apple_pie", "bibimbap", "waffles")) -> dict[str, list[str]]:
    """Write images and lists; return the lines of each list."""
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for number, name in enumerate(classes):
        (folder / "images" / name).mkdir(parents=True)
        for image in range(10):
            Image.fromarray(pixels(10 * number + image, 4, 4, 3)).save(folder / "images" / name / f"{1000 + image}.jpg")
            lists["train" if image < 7 else "test"].append(f"{name}/{1000 + image}")
    (folder / "meta").mkdir()
    (folder / "meta" / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    for split, lines in lists.items():
        (folder / "meta" / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines))
    return lists


def write_class_folders(root: Path, counts: Mapping[str, int], *, seed: int = 0) -> Path:
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(pixels(1000 * seed + 100 * number + index, 4, 4, 3)).save(root / name / f"{index}.png")
    return root
