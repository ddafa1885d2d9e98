"""Archives are unpacked whole or not at all, and never outside their folder."""

import gzip
import io
import os
import stat
import tarfile
import zipfile

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.data.archives import is_archive, unpack
from zoo_core.errors import DataError, MissingError

FILES = {"set/a.txt": b"first", "set/deep/b.bin": os.urandom(300_000), "c": b""}


def run(archive, folder):
    with open_progress(io.StringIO()) as progress:
        unpack(archive, folder, progress=progress)


def refuse(archive, folder):
    with pytest.raises(DataError) as caught:
        run(archive, folder)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    return str(caught.value)


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tar(path, files=FILES, members=(), mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(body), 0o6777
            archive.addfile(member, io.BytesIO(body))
        for member in members:
            archive.addfile(member)
    return path


def make_zip(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return path


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("name", "mode"), [("x.tgz", "w:gz"), ("x.tar", "w:"), ("x.tar.bz2", "w:bz2"), ("x.tar.xz", "w:xz")]
)
def test_tar_archives_come_out_as_they_are(tmp_path, name, mode):
    run(tar(tmp_path / name, mode=mode), tmp_path / "out")
    assert content(tmp_path / "out") == FILES
    assert not (tmp_path / "out/set/a.txt").stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR)


def test_zip_and_gz_come_out_as_they_are(tmp_path):
    run(make_zip(tmp_path / "x.zip"), tmp_path / "out")
    assert content(tmp_path / "out") == FILES
    (tmp_path / "images-ubyte.gz").write_bytes(gzip.compress(FILES["set/deep/b.bin"]))
    run(tmp_path / "images-ubyte.gz", tmp_path / "raw")
    assert content(tmp_path / "raw") == {"images-ubyte": FILES["set/deep/b.bin"]}


def test_other_files_of_the_folder_stay_and_equal_names_are_replaced(tmp_path):
    (tmp_path / "out/set").mkdir(parents=True)
    (tmp_path / "out/set/mine").write_bytes(b"mine")
    (tmp_path / "out/set/a.txt").write_bytes(b"old")
    run(tar(tmp_path / "x.tgz"), tmp_path / "out")
    assert content(tmp_path / "out") == {**FILES, "set/mine": b"mine"}
    assert not list((tmp_path / "out").glob(".unpack*"))


@pytest.mark.parametrize(
    "name", ["../out.txt", "/etc/zoo-test", "a/../../out.txt", "a\\..\\..\\out.txt", "C:\\x.txt", "\\\\host\\x"]
)
@pytest.mark.parametrize("make", [tar, make_zip])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path, name, make):
    archive = make(tmp_path / f"x.{'zip' if make is make_zip else 'tgz'}", {"set/a.txt": b"first", name: b"x"})
    assert "leads out of the folder" in refuse(archive, tmp_path / "deep" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", archive.name]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (special("link", tarfile.SYMTYPE, "/etc"), "link is a link"),
        (special("set/link", tarfile.SYMTYPE, "a.txt"), "is a link"),
        (special("hard", tarfile.LNKTYPE, "set/a.txt"), "hard is a link"),
        (special("pipe", tarfile.FIFOTYPE), "neither a file nor a folder"),
        (special("device", tarfile.CHRTYPE), "neither a file nor a folder"),
    ],
)
def test_links_and_devices_are_refused(tmp_path, member, words):
    assert words in refuse(tar(tmp_path / "x.tgz", members=[member]), tmp_path / "out")


def test_file_cannot_go_through_a_link_of_the_same_archive(tmp_path):
    link = special("set", tarfile.SYMTYPE, str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        archive.addfile(link)
        member = tarfile.TarInfo("set/a.txt")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    refuse(tmp_path / "x.tgz", tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_links_in_a_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    assert "link is a link" in refuse(tmp_path / "x.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", ["x.tgz", "x.tar.xz", "x.zip", "x.gz"])
def test_cut_off_archives_leave_nothing(tmp_path, kind):
    path = tmp_path / kind
    if kind == "x.zip":
        make_zip(path)
    elif kind == "x.gz":
        path.write_bytes(gzip.compress(FILES["set/deep/b.bin"]))
    else:
        tar(path, mode="w:xz" if kind.endswith("xz") else "w:gz")
    whole = path.read_bytes()
    for end in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        message = refuse(path, tmp_path / "out")
        assert f"{path} is truncated or damaged" in message


def test_other_content_under_the_name_of_an_archive_is_refused(tmp_path):
    for name in ("x.tgz", "x.zip", "x.gz"):
        (tmp_path / name).write_bytes(b"<html>not found</html>" * 100)
        assert "truncated or damaged" in refuse(tmp_path / name, tmp_path / "out")


def test_file_in_the_way_of_a_folder_is_named(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/set").write_text("a file")
    with pytest.raises(DataError, match="stands in the way"):
        run(tar(tmp_path / "x.tgz"), tmp_path / "out")


def test_disk_that_refuses_is_no_traceback(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr("zoo_core.data.archives._write", full)
    with pytest.raises(MissingError, match="No space left on device") as caught:
        run(tar(tmp_path / "x.tgz"), tmp_path / "out")
    assert "MiB free" in caught.value.hint


def test_archives_are_known_by_their_names(tmp_path):
    assert [name for name in ("a.tar.gz", "B.TGZ", "c.zip", "d.gz", "e.mat", "f") if is_archive(tmp_path / name)] == [
        "a.tar.gz",
        "B.TGZ",
        "c.zip",
        "d.gz",
    ]
