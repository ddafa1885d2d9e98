"""Own what the tests of the cloud client share: a clean environment, a model, short limits, a search for secrets."""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import pytest

from zoo_stm32.boards import Board, load_boards
from zoo_stm32.cloud import CloudClient, CloudOptions, Limits
from zoo_stm32.reports import ToolReport
from zoo_stm32.testing.cloud import CloudServer

VARIABLES = (
    "ZOO_CLOUD_TOKEN", "stmai_username", "stmai_password", "STM32AI_USERNAME", "STM32AI_PASSWORD", "BASE_URL_DEVCLOUD",
    "BASE_URL_DEVCLOUD_QA", "USE_TEST_ROUTES", "NO_SSL_VERIFY", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy",
    "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
)  # fmt: skip


class RecordingTask:
    def __init__(self) -> None:
        self.steps = 0

    def advance(self, steps=1, **_):
        self.steps += steps


@dataclass
class RecordingProgress:
    titles: list[str] = field(default_factory=list)
    tasks: list[RecordingTask] = field(default_factory=list)
    interrupt_at: str = ""

    @contextmanager
    def track(self, description, total):
        self.titles.append(description)
        if self.interrupt_at and self.interrupt_at in description:
            raise KeyboardInterrupt
        self.tasks.append(RecordingTask())
        yield self.tasks[-1]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def limits():
    return Limits(request=5, check=1, backoff=0.01, longest_pause=0.05, attempts=2, poll=0.002, benchmark=5, run=5)


@pytest.fixture
def progress():
    return RecordingProgress()


@pytest.fixture
def board():
    known = {entry.name: entry for entry in load_boards()}

    def find(name: str = "STM32H747I-DISCO") -> Board:
        return known[name]

    return find


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(bytes(range(250)) * 4)
    return path


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def state(run_folder):
    return run_folder / "cloud_job.json"


@pytest.fixture
def connect(limits, tmp_path):
    """Make a client of a stand-in."""

    def make(server: CloudServer, login: str = "token", own_limits: Limits | None = None, **extra: str) -> CloudClient:
        environment = {**server.environment(login=login), "XDG_CONFIG_HOME": str(tmp_path / "config"), **extra}
        return CloudClient.from_environment(environment, own_limits or limits)

    return make


@dataclass
class Scene:
    """A model, a run folder and a client, so that a test says only what is particular about it."""

    connect: Callable[..., CloudClient]
    model: Path
    board: Callable[..., Board]
    state: Path
    run_folder: Path
    progress: RecordingProgress
    limits: Limits

    def measure(self, server: CloudServer, board: str = "STM32H747I-DISCO", **options: object) -> ToolReport:
        client = self.connect(server)
        return client.benchmark(self.model, self.board(board), CloudOptions(**options), self.state, self.progress)

    def act(self, client: CloudClient, action: str, board: str) -> object:
        common = (self.model, self.board(board), CloudOptions())
        if action == "benchmark":
            return client.benchmark(*common, self.state, self.progress)
        if action == "analyze":
            return client.analyze(*common, self.progress)
        return client.generate(*common, self.run_folder / "generated", self.progress)


@pytest.fixture
def scene(request):
    return Scene(**{name: request.getfixturevalue(name) for name in Scene.__dataclass_fields__})


@pytest.fixture
def secrets_in(caplog, run_folder):
    """Search the log, the run folder and an error, with all local variables of its traceback, for secrets."""
    caplog.set_level("DEBUG")

    def search(server: CloudServer, error: BaseException | None = None) -> list[str]:
        places = {"log": caplog.text}
        for path in run_folder.rglob("*"):
            if path.is_file():
                places[path.name] = path.read_bytes().decode("latin-1")
        if error is not None:
            places["message"] = f"{error} {error!r} {error.args}"
            places["traceback"] = "".join(traceback.format_exception(error))
            places["locals"] = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        shown = [name for name in places if name != "locals"]
        found = [f"{name}: {secret}" for name in shown for secret in server.secrets if secret in places[name]]
        # The frames of a test hold the stand-in itself; those of the package must hold no secret in the clear.
        own = places.get("locals", "").partition("packages/zoo-stm32/src/zoo_stm32/cloud")[2]
        return [*found, *(f"locals: {secret}" for secret in server.secrets if secret in own)]

    return search


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate that nobody has signed."""
    if which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    path = tmp_path / "self_signed.pem"
    key = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    path.write_bytes(key.read_bytes() + path.read_bytes())
    return path
