"""Own the stand-in of the ST Edge AI Developer Cloud: its documented routes on this machine, and its failures."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from zoo_stm32.testing.cloud_results import archive, benchmark_answer, processor_answer, tool_info

USERNAME: Final = "somebody@example.com"
PASSWORD: Final = "right-horse-battery"  # noqa: S105 - of the stand-in only
ACCESS: Final = "access-token-of-the-stand-in-1"
RENEWED: Final = "access-token-of-the-stand-in-2"
REFRESH: Final = "refresh-token-of-the-stand-in"
CODE: Final = "code-of-the-stand-in"
BOARDS: Final = (
    "STM32N6570-DK", "NUCLEO-N657X0-Q", "STM32H747I-DISCO", "STM32H7B3I-DK", "STM32F469I-DISCO", "B-U585I-IOT02A",
    "STM32L4R9I-DISCO", "NUCLEO-H743ZI2", "STM32H735G-DK", "STM32F769I-DISCO", "NUCLEO-G474RE", "NUCLEO-F401RE",
    "STM32F746G-DISCO", "STM32MP257F-EV1", "STM32MP157F-DK2", "STM32MP135F-DK",
)  # fmt: skip
STATES: Final = (
    "in_queue", "waiting_for_build", "generating_sources", "copying_sources", "loading_sources", "building",
    "flashing", "validation",
)  # fmt: skip
TICKET: Final = "LT-4711"
CLOSED: Final = 0
ENDLESS: Final = -1


class CloudFailure(StrEnum):
    """Name what the stand-in does wrong. The first group acts on the routes that `at` selects."""

    FORBIDDEN = "403"
    NOT_FOUND = "404"
    BUSY = "429 always"
    BUSY_ONCE = "429 once"
    BUSY_LONG = "429 with an hour to wait"
    SERVER_ERROR = "500 always"
    SERVER_ERROR_ONCE = "500 once"
    HANG = "no answer"
    DRIP = "an answer without end"
    BROKEN_OFF = "fewer bytes than announced"
    CLOSED = "connection closed without an answer"
    MALFORMED = "no JSON"
    EMPTY = "empty answer"
    WEB_PAGE = "a web page in place of JSON"
    OTHER_KIND = "JSON of another kind"
    REDIRECT = "redirect to another host"
    ECHO = "an error that repeats the token"

    WRONG_PASSWORD = "wrong password"  # noqa: S105
    BLOCKED_ACCOUNT = "blocked account"
    OTHER_LOGIN_PAGE = "another login page"
    LOGIN_LEADS_AWAY = "login page posts to another host"
    EXPIRED = "expired token that can be renewed"
    EXPIRED_FOR_GOOD = "expired token"
    UPLOAD_REFUSED = "upload refused"
    REJECTED = "parameters rejected"
    TOOL_REFUSES = "tool refuses"
    NO_JOB = "no identifier"
    JOB_ERROR = "job ends in an error"
    STUCK = "job never ends"
    OTHER_SCHEMA = "result of another form"
    OTHER_BOARD = "result of another board"
    OLD_FORM = "result of an old version"
    RESULT_REPEATS_TOKEN = "result that repeats the token"  # noqa: S105
    TRUNCATED_ZIP = "truncated zip"
    ESCAPING_ZIP = "zip that leaves its folder"
    TEXT_ARGUMENTS = "service that wants its options as one text"


@dataclass(slots=True)
class StandInJob:
    """Remember a job of the stand-in."""

    kind: str
    board: str
    model: str
    fields: Mapping[str, Any]
    looks: int = 0


@dataclass(slots=True)
class Answer:
    """Hold what the stand-in sends."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None


class CloudServer:
    """Serve the routes of the Developer Cloud on loopback while the `with` block lasts."""

    def __init__(
        self,
        *,
        failure: CloudFailure | None = None,
        at: str = "/",
        state: str = "building",
        boards: Sequence[str] = BOARDS,
        states: Sequence[str] = STATES,
        certificate: Path | None = None,
    ) -> None:
        self.failure = failure
        self.at = at
        """Start of the paths that fail."""
        self.state = state
        """State in which a job fails or gets stuck."""
        self.boards = tuple(boards)
        self.states = tuple(states)
        self.models: dict[str, bytes] = {}
        self.jobs: dict[str, StandInJob] = {}
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request, in order."""
        self.valid = {ACCESS} if failure not in (CloudFailure.EXPIRED, CloudFailure.EXPIRED_FOR_GOOD) else set()
        self.stopping = threading.Event()
        self._failed = 0
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> CloudServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Return the address of the stand-in."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what must never be found in a file, a log or a message."""
        return (PASSWORD, ACCESS, RENEWED, REFRESH, CODE)

    def environment(self, *, login: str = "token") -> dict[str, str]:
        """Return the environment variables that lead a client here; `login` is `token`, `password` or `none`."""
        routes = {"BASE_URL_DEVCLOUD": f"{self.url}/", "SSO_URL": self.url}
        logins = {
            "token": {"ZOO_CLOUD_TOKEN": ACCESS},
            "password": {"stmai_username": USERNAME, "stmai_password": PASSWORD},
            "none": {},
        }
        return {**routes, **logins[login]}

    def count(self, method: str, start: str) -> int:
        """Return how many requests there were with a method and a start of the path."""
        return sum(1 for used, path in self.requests if used == method and path.startswith(start))

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return what the service answers to a request."""
        path = urlsplit(target).path
        with self._lock:
            self.requests.append((method, path))
            broken = self._broken(path, headers)
            return broken if broken is not None else self._routed(method, path, headers, body)

    def _broken(self, path: str, headers: Mapping[str, str]) -> Answer | None:
        if self.failure is None or not path.startswith(self.at):
            return None
        self._failed += 1
        if self.failure in (CloudFailure.BUSY_ONCE, CloudFailure.SERVER_ERROR_ONCE) and self._failed > 1:
            return None
        if self.failure is CloudFailure.ECHO:
            return _json({"error": f"cannot serve {headers.get('authorization', '')}"}, status=400)
        return {
            CloudFailure.FORBIDDEN: _json({"message": "terms of use not accepted"}, status=403),
            CloudFailure.NOT_FOUND: _json({}, status=404),
            CloudFailure.BUSY: _json({}, status=429),
            CloudFailure.BUSY_ONCE: _json({}, status=429, headers={"Retry-After": "0"}),
            CloudFailure.BUSY_LONG: _json({}, status=429, headers={"Retry-After": "3600"}),
            CloudFailure.SERVER_ERROR: _json({"message": "out of order"}, status=500),
            CloudFailure.SERVER_ERROR_ONCE: _json({}, status=500),
            CloudFailure.HANG: Answer(announced=ENDLESS),
            CloudFailure.DRIP: Answer(body=b" ", announced=ENDLESS),
            CloudFailure.BROKEN_OFF: Answer(body=b'[{"name"', announced=4000),
            CloudFailure.CLOSED: Answer(status=CLOSED),
            CloudFailure.MALFORMED: Answer(body=b'{"state": "do'),
            CloudFailure.EMPTY: Answer(),
            CloudFailure.WEB_PAGE: Answer(body=b"<html><title>Proxy</title></html>", content_type="text/html"),
            CloudFailure.OTHER_KIND: _json(17),
            CloudFailure.REDIRECT: Answer(status=302, headers={"Location": "https://elsewhere.example/login"}),
        }.get(self.failure)

    def _routed(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        open_routes: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "/assets/versions.json"): lambda _: _json(_versions()),
            ("GET", "/as/authorization.oauth2"): lambda _: self._login_page(),
            ("POST", "/idp/login"): self._login_form,
            ("GET", "/idp/resume"): lambda _: _redirect(f"{self.url}/callback?code={CODE}"),
            ("POST", "/api/user_service/login/callback"): self._token,
            ("POST", "/api/user_service/login/refresh"): self._refresh,
        }
        route = open_routes.get((method, path))
        if route is not None:
            return route(body)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return _json({"message": "unauthorized"}, status=401)
        return self._authorized(method, path, headers, body)

    def _authorized(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        routes: dict[str, Callable[[], Answer]] = {
            r"/api/user_service/login/authenticate": lambda: _json({"sub": "4711"}),
            r"/api/file/files/.+": lambda: self._files(method, path, headers, body),
            r"/api/benchmark/.+": lambda: self._farm(method, path, body),
            r"/api/generate_nbg/optimize": lambda: self._start("conversion", "", json.loads(body)),
            r"/api/generate_nbg/run/.+": lambda: self._look(path),
            r"/api/[0-9.]+/stm32ai/(analyze|generate|validate)": lambda: self._tool(
                path.rsplit("/", 1)[1], headers, body
            ),
            r"/api/[0-9.]+/stm32ai/run/[^/]+": lambda: self._look(path),
        }
        fitting = [route for pattern, route in routes.items() if re.fullmatch(pattern, path)]
        return fitting[0]() if fitting else _json({}, status=404)

    def _login_page(self) -> Answer:
        action = "/idp/login"
        if self.failure is CloudFailure.LOGIN_LEADS_AWAY:
            action = "https://elsewhere.example/idp/login"
        page = (
            f'<html><form method="post"\n  action="{action}?a=1&amp;b=2">'
            f'<input type="hidden" name="lt" value="{TICKET}" /></form></html>'
        )
        if self.failure is CloudFailure.OTHER_LOGIN_PAGE:
            page = "<html><div id='app'></div></html>"
        return Answer(body=page.encode(), content_type="text/html", headers={"Set-Cookie": "session=1; Path=/"})

    def _login_form(self, body: bytes) -> Answer:
        fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        right = (fields.get("username"), fields.get("password"), fields.get("lt")) == (USERNAME, PASSWORD, TICKET)
        if self.failure is CloudFailure.BLOCKED_ACCOUNT:
            text = "You have exceeded 5 login attempts."
        elif self.failure is CloudFailure.WRONG_PASSWORD or not right:
            text = "You have provided the wrong password. You have 4 attempts left."
        else:
            return _redirect(f"{self.url}/idp/resume")
        return Answer(body=f"<html>{text}</html>".encode(), content_type="text/html")

    def _token(self, body: bytes) -> Answer:
        fields = parse_qs(body.decode())
        if fields.get("code") != [CODE] or fields.get("redirect_url") != [f"{self.url}/callback"]:
            return _json({}, status=400)
        return _json({"access_token": ACCESS, "refresh_token": REFRESH, "expires_at": time.time() + 3600})

    def _refresh(self, body: bytes) -> Answer:
        if parse_qs(body.decode()).get("refresh_token") != [REFRESH] or self.failure is CloudFailure.EXPIRED_FOR_GOOD:
            return _json({"message": "invalid_grant"}, status=400)
        self.valid = {RENEWED}
        return _json({"access_token": RENEWED, "expires_at": time.time() + 3600})

    def _files(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        folder, _, name = path.removeprefix("/api/file/files/").partition("/")
        if folder == "generated":
            return self._generated()
        if folder != "models":
            return _json({}, status=404)
        if method == "POST":
            if self.failure is CloudFailure.UPLOAD_REFUSED:
                return _json({"upload": False, "message": "quota exceeded"})
            self.models.update(_uploaded(headers.get("content-type", ""), body))
            return _json({"upload": True})
        if not name:
            return _json([{"name": model} for model in self.models])
        content = self.models.get(unquote(name))
        return (
            _json({}, status=404) if content is None else Answer(body=content, content_type="application/octet-stream")
        )

    def _generated(self) -> Answer:
        job = next((job for job in reversed(self.jobs.values()) if job.kind == "generate"), None)
        application = job is not None and "includeLibraryForSerie" in job.fields
        content = archive(
            member="../outside.c" if self.failure is CloudFailure.ESCAPING_ZIP else "network.c",
            weights=self.models[job.model] if job is not None and application else None,
            npu=job is not None and job.fields.get("target") == "stm32n6",
        )
        if self.failure is CloudFailure.TRUNCATED_ZIP:
            content = content[: len(content) // 2]
        return Answer(body=content, content_type="application/zip")

    def _farm(self, method: str, path: str, body: bytes) -> Answer:
        rest = path.removeprefix("/api/benchmark/")
        if rest == "boards":
            return _json({board: {"boardCount": 1, "flashSize": "2 MB", "deviceCpu": "arm"} for board in self.boards})
        if rest == "api":
            return _json(_definition(text=self.failure is CloudFailure.TEXT_ARGUMENTS))
        if method == "GET":
            return self._look(path)
        board = rest.removeprefix("benchmark/").removeprefix("mpu/")
        known = {name.lower(): name for name in self.boards}
        if board not in known:
            return _json({"errors": [f"unknown board {board}"]}, status=400)
        content = json.loads(body)
        if self.failure is CloudFailure.TEXT_ARGUMENTS:
            content = {**json.loads(content["args"]), "model": content["model"]}
        if self.failure is CloudFailure.REJECTED:
            return _json({"errors": ["optimization: not a valid choice"]}, status=400)
        return self._start("mpu" if "/mpu/" in path else "benchmark", known[board], content)

    def _tool(self, action: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self.failure is CloudFailure.TOOL_REFUSES:
            return _json({"status": "ko", "error": "unsupported operator FancyOp"})
        fields = parse_qs(body.decode())
        if "multipart" in headers.get("content-type", ""):
            fields = {"args": [re.search(rb'name="args"\r\n\r\n(.*?)\r\n', body, re.DOTALL)[1].decode()]}  # type: ignore[index]
        return self._start(action, "", json.loads(fields["args"][0]))

    def _start(self, kind: str, board: str, content: Mapping[str, Any]) -> Answer:
        name = str(content.get("model"))
        if name not in self.models:
            return _json({"errors": [f"model {name} not found"]}, status=400)
        if self.failure is CloudFailure.NO_JOB:
            return _json({"model": name})
        identifier = f"{kind}-{len(self.jobs) + 1}"
        fields = {key: value for key, value in content.items() if key != "model"}
        self.jobs[identifier] = StandInJob(kind=kind, board=board, model=name, fields=fields)
        key = "benchmarkId" if kind in ("benchmark", "mpu") else "runtimeId"
        return _json({key: identifier, "model": name, "args": fields})

    def _look(self, path: str) -> Answer:
        job = self.jobs.get(path.rsplit("/", 1)[1])
        if job is None:
            return _json({}, status=404)
        states = self.states if job.kind in ("benchmark", "mpu") else ("in_queue",)
        job.looks += 1
        state = states[job.looks - 1] if job.looks <= len(states) else "done"
        if self.failure in (CloudFailure.JOB_ERROR, CloudFailure.STUCK) and self.state in states:
            turn = states.index(self.state)
            if self.failure is CloudFailure.STUCK and job.looks > turn:
                state = self.state
            elif job.looks > turn + 1:
                return _json({"state": "error", "board": job.board, "message": f"{self.state} went wrong"})
        if state != "done":
            return _json({"state": state, "step": job.looks, "totalStep": len(states), "progress": 50})
        return _json({"state": "done", "progress": 100, **self._result(job)})

    def _result(self, job: StandInJob) -> dict[str, Any]:
        weights = len(self.models[job.model])
        if self.failure is CloudFailure.OTHER_SCHEMA:
            return {"benchmark": {"info": {"totals": {"flash": weights}}}, "result": {"info": {"totals": {}}}}
        other = self.failure is CloudFailure.OTHER_BOARD
        board = next(name for name in self.boards if name != job.board) if other else job.board
        if job.kind == "conversion":
            blob = f"{Path(job.model).stem}.nb"
            self.models[blob] = b"NBG" + self.models[job.model]
            return {"blobName": blob}
        if job.kind == "mpu":
            return {"board": board, **processor_answer(weights, device=board)}
        if job.kind == "benchmark":
            answer = benchmark_answer(weights, device=board, old_form=self.failure is CloudFailure.OLD_FORM)
            if self.failure is CloudFailure.RESULT_REPEATS_TOKEN:
                answer["benchmark"]["info"]["environment"]["tools"][0]["arguments"] = f"--token {ACCESS} --x"
            return {"board": board, **answer}
        info = tool_info(weights, device="", timed=False)
        return {"result": {"info": info, "report": {}, "graph": {}, "url": f"{self.url}/any/where/generated-1.zip"}}


class _Server(ThreadingHTTPServer):
    """Hand requests to a stand-in."""

    daemon_threads = True

    def __init__(self, owner: CloudServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    """Pass requests on to the stand-in, and send what it answers."""

    server: _Server

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve("POST")

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.owner.answer(method, self.path, headers, body)
        if answer.status == CLOSED:
            return
        if answer.announced == ENDLESS and not answer.body:
            self.server.owner.stopping.wait()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        if answer.announced != ENDLESS:
            self.send_header("Content-Length", str(answer.announced or len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        if answer.announced == ENDLESS:
            self._drip(answer.body)

    def _drip(self, chunk: bytes) -> None:
        while not self.server.owner.stopping.wait(0.02):
            self.wfile.write(chunk)


def _json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, body=json.dumps(value).encode(), headers=dict(headers or {}))


def _redirect(location: str) -> Answer:
    return Answer(status=302, headers={"Location": location})


def _versions() -> list[dict[str, Any]]:
    return [
        {"version": "3.0.0", "isLatest": False, "platform": {"stm32": "3.0.0", "stm32mpu": "5.1.0"}},
        {"version": "4.0.0", "isLatest": True, "platform": {"stm32": "4.0.0", "stm32mpu": "6.1.0"}},
    ]


def _definition(*, text: bool) -> dict[str, Any]:
    names = ("model", "args") if text else ("model", "optimization", "version")
    schema = {"properties": {name: {"type": "string"} for name in names}}
    post = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    return {"paths": {"/benchmark/{queue}": {"post": post}}}


def _uploaded(content_type: str, body: bytes) -> dict[str, bytes]:
    boundary = content_type.partition("boundary=")[2].encode()
    files = {}
    for part in body.split(b"--" + boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'filename="([^"]+)"', head)
        if name is not None:
            files[name[1].decode()] = content.removesuffix(b"\r\n")
    return files
