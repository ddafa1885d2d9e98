"""Files of a data set go where its layout wants them: archives unpacked, others as they are."""

import gzip
import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.data.fetch import RemoteFile, default_folder, fetch
from zoo_core.errors import DataError, MissingError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args):
        pass


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Return a function that puts a file on a server of this machine and names it as a `RemoteFile`."""
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    site = tmp_path / "site"
    site.mkdir()
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()

    def put(name, body, *, into="", sha256=None):
        (site / name).write_bytes(body)
        url = f"http://127.0.0.1:{http.server_port}/{name}"
        return RemoteFile(url=url, sha256=sha256 or hashlib.sha256(body).hexdigest(), into=into)

    yield put
    http.shutdown()
    thread.join()
    http.server_close()


def archive(**files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as opened:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            opened.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def run(files, folder):
    with open_progress(io.StringIO()) as progress:
        fetch(files, folder, progress)


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_file_goes_to_its_place(offer, tmp_path):
    files = [
        offer("images.tgz", archive(one=b"1", two=b"2"), into="set/jpg"),
        offer("labels.mat", b"labels", into="set"),
        offer("raw-ubyte.gz", gzip.compress(b"bytes")),
    ]
    run(files, tmp_path / "data")
    assert content(tmp_path / "data") == {
        "set/jpg/one": b"1",
        "set/jpg/two": b"2",
        "set/labels.mat": b"labels",
        "raw-ubyte": b"bytes",
    }
    assert not [name for name in content(tmp_path / "cache") if name.endswith((".tgz", ".gz"))]


def test_wrong_hash_stops_before_anything_is_unpacked(offer, tmp_path):
    with pytest.raises(MissingError, match="another content than expected"):
        run([offer("images.tgz", archive(one=b"1"), sha256="0" * 64)], tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_archive_with_a_way_out_is_refused_though_its_hash_is_right(offer, tmp_path):
    with pytest.raises(DataError, match="leads out of the folder"):
        run([offer("images.tgz", archive(**{"../../out": b"x"}))], tmp_path / "data")
    assert not (tmp_path / "out").exists()
    assert content(tmp_path / "data") == {}


def test_default_folder_lies_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "datasets"
