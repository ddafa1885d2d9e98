"""Own the web server on loopback from which the tests of published weights fetch."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


class Shelf:
    """Serve the files of a folder and remember what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        shelf = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.asked.append(self.path)
                super().do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        folder.mkdir(parents=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        """Stop answering; connections are refused from then on."""
        if self._thread.is_alive():
            self.server.shutdown()
            self._thread.join()
            self.server.server_close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """Return a server of the files in its `folder`."""
    served = Shelf(tmp_path / "served")
    yield served
    served.close()
