"""Written images have names of their own, and are copies or links."""

import pytest

from zoo_core.data.writing import FileNames, place_file
from zoo_core.errors import DataError


def test_names_differ_by_their_stems(tmp_path):
    names = FileNames()
    taken = [names.take(tmp_path / name) for name in ("a/x.jpg", "b/x.jpg", "x.png", "X.jpg", "x_2.jpg", "y.jpg")]
    assert taken == ["x.jpg", "x_2.jpg", "x_3.png", "X_4.jpg", "x_2_2.jpg", "y.jpg"]


@pytest.mark.parametrize("link", [False, True])
def test_files_are_copied_or_linked(tmp_path, link):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"content")
    place_file(source, target, link=link)
    assert target.read_bytes() == b"content"
    assert target.is_symlink() == link


def test_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="absent cannot be read"):
        place_file(tmp_path / "absent", tmp_path / "b", link=False)


def test_target_that_cannot_be_written_is_an_error_of_the_disk(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="No such file"):
        place_file(tmp_path / "a", tmp_path / "no folder" / "b", link=False)
