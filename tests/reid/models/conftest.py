"""Own what the tests of embedders share: a builder, and the web server that published weights are fetched from."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from zoo_core.artifacts import InputSpec
from zoo_core.protocols import ModelContext
from zoo_reid.config import ReidModelSection
from zoo_reid.models.build import build


@pytest.fixture
def make(tmp_path):
    """Return a builder of embedders by name: identities, size of the input, keys of the model section."""

    def by_name(name, identities=3, size=(256, 128), channels=3, **keys):
        section = ReidModelSection(model_name=name, **keys)
        context = ModelContext(num_classes=identities, input=InputSpec(channels, *size), cache_dir=tmp_path / "cache")
        return build(section, context)

    return by_name


@pytest.fixture
def shake():
    """Return a function that gives every weight and statistic of a network numbers of its own, and the network."""

    def shaken(model):
        with torch.no_grad():
            for value in model.state_dict().values():
                if value.is_floating_point():
                    value.add_(0.1 * torch.rand_like(value))
        return model

    return shaken


class Shelf:
    """Serve the files of a folder and remember what was asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []
        shelf = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self):
                shelf.asked.append(self.path)
                super().do_GET()

            def log_message(self, *_):
                pass

        folder.mkdir(parents=True)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        """Stop answering; connections are refused from then on."""
        if self.thread.is_alive():
            self.server.shutdown()
            self.thread.join()
            self.server.server_close()


@pytest.fixture
def shelf(tmp_path):
    """Return a server of the files in its `folder`."""
    served = Shelf(tmp_path / "served")
    yield served
    served.close()
