"""Relative paths belong to the file that holds them; what must exist is looked for."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from zoo_core.config.dialects.moves import Moves
from zoo_core.config.origins import Origins
from zoo_core.config.paths import absent_paths, absolute, make_absolute
from zoo_core.config.places import Places
from zoo_core.config.sections import ExistingDir, ExistingFile, ExistingPath


class Inner(BaseModel):
    folder: ExistingDir | None = None


class Outer(BaseModel):
    plain: Path | None = None
    any: ExistingPath
    file: ExistingFile | None = None
    many: tuple[ExistingFile, ...] = ()
    inner: Inner = Inner()
    text: str = ""


@pytest.fixture
def places(tmp_path):
    origins = Origins()
    origins.add_file(tmp_path / "conf" / "x.yaml", {"s": 1, "s.any": 2, "s.inner.folder": 3})
    origins.add_override("s.file", tmp_path / "cwd")
    return Places(origins, Moves(), tmp_path / "conf")


def test_each_path_refers_to_its_own_place(tmp_path, places):
    data = {
        "any": "a",
        "file": "../f.txt",
        "many": ["m", "/abs"],
        "inner": {"folder": "./d"},
        "text": "t",
        "plain": None,
    }
    make_absolute(Outer, data, "s", places)
    assert data == {
        "any": str(tmp_path / "conf/a"),
        "file": str(tmp_path / "f.txt"),
        "many": [str(tmp_path / "conf/m"), "/abs"],
        "inner": {"folder": str(tmp_path / "conf/d")},
        "text": "t",
        "plain": None,
    }


def test_only_what_must_exist_is_looked_for(tmp_path, places):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "images.txt").write_text("")
    data = {
        "plain": "nowhere",
        "any": "image.txt",
        "file": "f/g",
        "many": ["images.txt", "."],
        "inner": {"folder": "images.txt"},
    }
    make_absolute(Outer, data, "s", places)
    issues = {issue.key: issue for issue in absent_paths(Outer, data, "s", places)}
    assert set(issues) == {"s.any", "s.file", "s.many.1", "s.inner.folder"}
    assert issues["s.any"].message == f"there is no file or directory {tmp_path}/conf/image.txt."
    assert issues["s.any"].hint == "Did you mean images.txt?"
    assert issues["s.any"].line == 2
    assert f"no directory {tmp_path}/cwd either" in issues["s.file"].hint
    assert issues["s.file"].file == "command line"
    assert "is a directory, not a file" in issues["s.many.1"].message
    assert "is a file, not a directory" in issues["s.inner.folder"].message


def test_a_placeholder_is_recognised(places):
    data = {"any": "<path to your images>/train"}
    make_absolute(Outer, data, "s", places)
    (issue,) = absent_paths(Outer, data, "s", places)
    assert "between < and >" in issue.hint


@pytest.mark.parametrize("text", ["C:/ST/tool.exe", "D:\\tools\\x"])
def test_drives_of_windows_stay(text):
    assert str(absolute(text, Path("/conf"))) == text


def test_a_home_directory_is_known(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute("~/data", Path("/conf")) == tmp_path / "data"
    assert absolute("../../../x", Path("/conf")) == Path("/x")


def test_links_on_the_way_up_are_followed(tmp_path):
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "far" / "x").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "far" / "deep")
    assert absolute("link/../x", tmp_path).is_file()


def test_odd_values_are_left_to_the_check(places):
    data = {"any": 5, "many": "x", "inner": 3, "file": "a\x00b"}
    make_absolute(Outer, data, "s", places)
    assert data["any"] == 5
    assert [issue.key for issue in absent_paths(Outer, data, "s", places)] == ["s.file"]
