"""The fingerprint of data changes when an image, a label or a size changes."""

import os

from zoo_core.protocols import SplitDatasets
from zoo_core.services.fingerprint import fingerprint_data


class Folder:
    def __init__(self, paths, targets):
        self.paths, self.targets = paths, targets

    def __len__(self):
        return len(self.paths)

    def name(self, index):
        return str(self.paths[index])


def fingerprint(paths, targets=(0, 1)):
    data = SplitDatasets(class_names=("a", "b"), test=Folder(paths, targets))
    return fingerprint_data(data, frozenset({"test"}))


def test_fingerprint_follows_names_labels_and_sizes(tmp_path):
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for path in paths:
        path.write_bytes(b"12")
    first = fingerprint(paths)
    assert fingerprint(paths) == first
    os.utime(paths[0], (1, 1))
    assert fingerprint(paths) == first
    assert fingerprint(paths, (1, 1)) != first
    assert fingerprint(paths[:1]) != first
    paths[1].write_bytes(b"123")
    assert fingerprint(paths) != first


def test_splits_that_a_service_does_not_read_do_not_count(tmp_path):
    data = SplitDatasets(class_names=("a",), test=Folder([tmp_path / "x"], [0]))
    assert fingerprint_data(data, frozenset({"train"})) == fingerprint_data(
        SplitDatasets(class_names=("a",)), frozenset({"train"})
    )
