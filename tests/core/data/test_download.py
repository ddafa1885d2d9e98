"""Downloads are cached, resumed, checked, and explained when they fail; a real HTTP server answers on loopback."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.data.download import cached_path, check_recorded_hash, download, record_hash
from zoo_core.errors import MissingError, UserError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    requests: list[str | None]
    cut_at: int | None = None

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).requests.append(asked)
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut, type(self).cut_at = type(self).cut_at, None
        self.wfile.write(body[:cut])

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    Handler.requests, Handler.cut_at = [], None
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def fetch(url, folder, **kwargs):
    with open_progress() as progress:
        return download(url, progress=progress, folder=folder, **kwargs)


def test_file_is_fetched_once(server, tmp_path):
    first = fetch(f"{server}/a/model.onnx", tmp_path, sha256=SHA256)
    assert first.read_bytes() == CONTENT
    assert first.name == "model.onnx"
    assert fetch(f"{server}/a/model.onnx", tmp_path, sha256=SHA256) == first
    assert len(Handler.requests) == 1


def test_equal_names_of_different_urls_do_not_meet(tmp_path):
    assert cached_path("http://a/x.pt", tmp_path) != cached_path("http://b/x.pt", tmp_path)


def test_interrupted_download_goes_on_where_it_stopped(server, tmp_path):
    Handler.cut_at = 300_000
    with pytest.raises(MissingError, match="ended after"):
        fetch(f"{server}/x.bin", tmp_path)
    assert fetch(f"{server}/x.bin", tmp_path, sha256=SHA256).read_bytes() == CONTENT
    assert Handler.requests == [None, "bytes=300000-"]


def test_complete_part_of_another_file_is_thrown_away(server, tmp_path):
    part = cached_path(f"{server}/x.bin", tmp_path).with_name("x.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    assert fetch(f"{server}/x.bin", tmp_path, sha256=SHA256).read_bytes() == CONTENT


def test_other_content_is_refused_and_not_kept(server, tmp_path):
    with pytest.raises(MissingError, match="another content") as caught:
        fetch(f"{server}/x.bin", tmp_path, sha256="0" * 64)
    assert str(cached_path(f"{server}/x.bin", tmp_path)) in caught.value.hint
    assert not list(cached_path(f"{server}/x.bin", tmp_path).parent.iterdir())


def test_absent_file_says_so_and_where_to_put_it(server, tmp_path):
    with pytest.raises(MissingError, match="404") as caught:
        fetch(f"{server}/missing", tmp_path)
    assert "put it at" in caught.value.hint


def test_unreachable_server_is_no_traceback(tmp_path):
    with pytest.raises(MissingError, match=r"(?i)refused"):
        fetch("http://127.0.0.1:9/x.bin", tmp_path)


def test_file_put_there_by_hand_is_taken(tmp_path):
    path = cached_path("https://example.org/x.bin", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert fetch("https://example.org/x.bin", tmp_path, sha256=SHA256) == path


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(UserError, match="no http"):
        fetch("file:///etc/passwd", tmp_path)


def test_hash_of_the_first_use_holds_from_then_on(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(CONTENT)
    check_recorded_hash(path)
    record_hash(path)
    assert (tmp_path / "a.pt.sha256").read_text().strip() == SHA256
    check_recorded_hash(path)
    path.write_bytes(b"other")
    record_hash(path)
    with pytest.raises(MissingError, match=f"recorded {SHA256}") as caught:
        check_recorded_hash(path)
    assert f"delete {tmp_path / 'a.pt.sha256'} to accept it" in caught.value.hint
