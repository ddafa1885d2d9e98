"""Own what the tests of SSD share: sections, contexts, and the web server that published weights are fetched from."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import ModelContext
from zoo_detection.config import DetectionModelSection
from zoo_detection.models import ssd


@pytest.fixture
def make(tmp_path):
    """Return a builder of detectors by name: classes, size of the input, keys of the model section."""

    def build(name, classes=3, size=(96, 96), channels=3, **keys):
        section = DetectionModelSection(model_name=name, **keys)
        context = ModelContext(num_classes=classes, input=InputSpec(channels, *size), cache_dir=tmp_path / "cache")
        return ssd.build(section, context).eval()

    return build


class Shelf:
    """Serve the files of a folder, remember what was asked for, and cut one answer short when told to."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        self.cut_after = None
        shelf = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                shelf.asked.append((self.path, self.headers.get("Range")))
                data = (
                    (folder / self.path.lstrip("/")).read_bytes()
                    if (folder / self.path.lstrip("/")).is_file()
                    else None
                )
                if data is None:
                    self.send_error(404)
                    return
                start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                end, shelf.cut_after = shelf.cut_after, None
                self.wfile.write(data[start:end])

            def log_message(self, *_):
                pass

        folder.mkdir(parents=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def shelf(tmp_path):
    served = Shelf(tmp_path / "served")
    yield served
    served.close()
