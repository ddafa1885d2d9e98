"""Test that every failure of the service ends in one message that names its cause, and leaves no result."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import pytest

from zoo_core.errors import UserError, ZooError
from zoo_stm32.cloud import CloudCause, CloudOptions
from zoo_stm32.testing.cloud import STATES, CloudFailure, CloudServer

F = CloudFailure
BOARDS = "/api/benchmark/boards"
MODELS = "/api/file/files/models"
START = "/api/benchmark/benchmark/stm32h747i"
POLL = "/api/benchmark/benchmark/benchmark-"
NBG = "/api/generate_nbg"


@dataclass(frozen=True)
class Case:
    failure: CloudFailure
    cause: CloudCause
    words: str
    at: str = BOARDS
    state: str = "building"
    action: str = "benchmark"
    login: str = "token"
    hint: str = ""
    request: float | None = None
    board: str = "STM32H747I-DISCO"
    sent: tuple[str, str, int] | None = None
    """Method, start of path, and how often it may have been sent."""


CASES = {
    "wrong password": Case(
        F.WRONG_PASSWORD, CloudCause.REFUSED_LOGIN, "refuses the password. 4 attempts are left", login="password",
        hint="stmai_password", sent=("POST", "/idp/login", 1),
    ),
    "blocked account": Case(
        F.BLOCKED_ACCOUNT, CloudCause.BLOCKED_ACCOUNT, "blocked the account", login="password", hint="new password",
        sent=("POST", "/idp/login", 1),
    ),
    "login page changed": Case(
        F.OTHER_LOGIN_PAGE, CloudCause.MALFORMED, "login page", login="password", hint="ZOO_CLOUD_TOKEN",
        sent=("POST", "/idp/login", 0),
    ),
    "login leads to another host": Case(
        F.LOGIN_LEADS_AWAY, CloudCause.REDIRECT, "elsewhere.example, where no password is sent", login="password",
        hint="SSO_URL",
    ),
    "sign-on out of order": Case(
        F.SERVER_ERROR, CloudCause.SERVER, "the login page: answered 500", login="password", at="/as/",
    ),
    "no token after login": Case(
        F.OTHER_KIND, CloudCause.MALFORMED, "gave no token", login="password", at="/api/user_service/login/callback",
    ),
    "expired token, nothing to renew it": Case(
        F.EXPIRED_FOR_GOOD, CloudCause.EXPIRED, "login has expired", hint="Log in again",
    ),
    "expired token, renewal refused": Case(
        F.EXPIRED_FOR_GOOD, CloudCause.EXPIRED, "could not be renewed", login="password", hint="Log in again",
        sent=("POST", "/api/user_service/login/refresh", 1),
    ),
    "403": Case(F.FORBIDDEN, CloudCause.FORBIDDEN, "403, the account may not do this: terms of use", hint="accept"),
    "404": Case(F.NOT_FOUND, CloudCause.NOT_FOUND, f"404, {BOARDS} is not there", hint="BENCHMARK_SERVICE_URL"),
    "404 of versions": Case(F.NOT_FOUND, CloudCause.NOT_FOUND, "404", at="/assets", hint="VERSIONS_URL"),
    "404 of models": Case(F.NOT_FOUND, CloudCause.NOT_FOUND, "404", at=MODELS, hint="FILE_SERVICE_URL"),
    "429": Case(F.BUSY, CloudCause.BUSY, "429, too many requests, 2 times", sent=("GET", BOARDS, 2)),
    "429 with an hour to wait": Case(
        F.BUSY_LONG, CloudCause.BUSY, "asks to wait 3600 s", at=MODELS, sent=("GET", MODELS, 1)
    ),
    "500": Case(F.SERVER_ERROR, CloudCause.SERVER, "500, an error of the service itself: out of order, 2 times"),
    "500 at the start of the job": Case(
        F.SERVER_ERROR, CloudCause.SERVER, "start of the benchmark: answered 500", at=START, sent=("POST", START, 1)
    ),
    "500 while waiting": Case(F.SERVER_ERROR, CloudCause.SERVER, "the benchmark benchmark-1: answered 500", at=POLL),
    "hang": Case(F.HANG, CloudCause.TIMEOUT, "did not answer within the time limit", request=0.3),
    "hang at the start of the job": Case(
        F.HANG, CloudCause.TIMEOUT, "start of the benchmark: did not answer", at=START, request=0.4,
        sent=("POST", START, 1),
    ),
    "answer without end": Case(F.DRIP, CloudCause.TIMEOUT, "did not answer within the time limit", request=0.3),
    "fewer bytes than announced": Case(F.BROKEN_OFF, CloudCause.DAMAGED, "broke off after 8 of 4000", at=MODELS),
    "closed without an answer": Case(F.CLOSED, CloudCause.UNREACHABLE, "the connection broke off"),
    "malformed JSON": Case(F.MALFORMED, CloudCause.MALFORMED, 'not JSON: {"state": "do', at=POLL),
    "malformed JSON at the start": Case(F.MALFORMED, CloudCause.MALFORMED, "not JSON", at=START),
    "empty answer": Case(F.EMPTY, CloudCause.MALFORMED, "it is empty", at=POLL),
    "web page": Case(F.WEB_PAGE, CloudCause.MALFORMED, "not JSON: <html>", hint="proxy"),
    "number for boards": Case(F.OTHER_KIND, CloudCause.SCHEMA, "the list of boards: a JSON object was expected"),
    "number for models": Case(F.OTHER_KIND, CloudCause.SCHEMA, "the list of models: a list", at=MODELS),
    "number for versions": Case(F.OTHER_KIND, CloudCause.SCHEMA, "versions should be a list", at="/assets"),
    "number while waiting": Case(F.OTHER_KIND, CloudCause.SCHEMA, "a JSON object was expected", at=POLL),
    "redirect": Case(F.REDIRECT, CloudCause.REDIRECT, "redirected to elsewhere.example", hint="BENCHMARK_SERVICE_URL"),
    "error repeats the token": Case(F.ECHO, CloudCause.REJECTED, "cannot serve Bearer ***"),
    "upload refused": Case(F.UPLOAD_REFUSED, CloudCause.REJECTED, "did not take the model: quota exceeded"),
    "parameters rejected": Case(F.REJECTED, CloudCause.REJECTED, "optimization: not a valid choice"),
    "no job": Case(F.NO_JOB, CloudCause.SCHEMA, "has no benchmarkId"),
    **{
        f"job error at {state}": Case(
            F.JOB_ERROR, CloudCause.JOB, f"failed while in state `{state.replace('_', ' ')}`: {state} went wrong",
            state=state,
        )
        for state in STATES
    },
    "job stuck in the queue": Case(
        F.STUCK, CloudCause.TIMEOUT, "was not done after 0 s; its state is in_queue", state="in_queue",
        hint="same job",
    ),
    "result of another schema": Case(F.OTHER_SCHEMA, CloudCause.SCHEMA, "result.benchmark.info.graphs is missing"),
    "result of another board": Case(F.OTHER_BOARD, CloudCause.SCHEMA, "measured on STM32N6570-DK, not on STM32H747I"),
    "MPU result of another schema": Case(
        F.OTHER_SCHEMA, CloudCause.SCHEMA, "result.benchmark.exec_time is missing", board="STM32MP157F-DK2"
    ),
    "conversion refused": Case(
        F.SERVER_ERROR, CloudCause.SERVER, "start of the conversion: answered 500", at=NBG, board="STM32MP257F-EV1"
    ),
    "analysis of another schema": Case(
        F.OTHER_SCHEMA, CloudCause.SCHEMA, "result.info.graphs is missing", action="analyze"
    ),
    "tool refuses": Case(
        F.TOOL_REFUSES, CloudCause.REJECTED, "refuses the analysis: unsupported operator", action="analyze"
    ),
    "analysis fails": Case(
        F.JOB_ERROR, CloudCause.JOB, "analysis analyze-1 on the Developer Cloud failed", state="in_queue",
        action="analyze",
    ),
    "truncated zip": Case(F.TRUNCATED_ZIP, CloudCause.DAMAGED, "no zip archive or was cut off", action="generate"),
    "zip that leaves its folder": Case(F.ESCAPING_ZIP, CloudCause.DAMAGED, "lies outside", action="generate"),
    "zip not there": Case(F.NOT_FOUND, CloudCause.NOT_FOUND, "404", at="/api/file/files/gen", action="generate"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_failure_ends_in_one_message_and_no_result(name, scene, secrets_in):
    case = CASES[name]
    limits = replace(scene.limits, request=case.request or scene.limits.request)
    if case.failure is F.STUCK:
        limits = replace(limits, benchmark=0.05)
    started = time.monotonic()
    with CloudServer(failure=case.failure, at=case.at, state=case.state) as server:
        client = scene.connect(server, case.login, limits)
        with pytest.raises(ZooError) as caught:
            scene.act(client, case.action, case.board)
        error = caught.value
        assert time.monotonic() - started < 5
        assert error.cause is case.cause
        assert case.words in error.message
        assert error.hint
        assert case.hint in error.hint
        assert "\n" not in error.message
        assert secrets_in(server, error) == []
        left = {path.name for path in scene.run_folder.rglob("*")}
        assert left <= {"cloud_job.json"}
        if case.sent is not None:
            assert server.count(*case.sent[:2]) == case.sent[2]


def test_a_failed_job_is_forgotten_so_that_the_next_run_starts_another(scene):
    with CloudServer(failure=F.JOB_ERROR) as server:
        with pytest.raises(ZooError):
            scene.measure(server)
        server.failure = None
        report = scene.measure(server)
        assert report.duration_ms == 30.0
        assert list(server.jobs) == ["benchmark-1", "benchmark-2"]


def test_a_result_that_is_not_understood_is_not_asked_for_again(scene):
    with CloudServer(failure=F.OTHER_SCHEMA) as server:
        with pytest.raises(ZooError):
            scene.measure(server)
        server.failure = None
        scene.measure(server)
        assert len(server.jobs) == 2


def test_a_token_in_a_result_is_kept_nowhere(scene, secrets_in):
    with CloudServer(failure=F.RESULT_REPEATS_TOKEN) as server:
        report = scene.measure(server)
        assert report.details["arguments"] == "--token *** --x"
        assert secrets_in(server) == []


def test_an_unknown_board_is_refused_with_suggestions_before_anything_is_sent(connect, model, board, state, progress):
    other = replace(board(), name="STM32H747-DISCO")
    with CloudServer() as server:
        with pytest.raises(UserError) as caught:
            connect(server).benchmark(model, other, CloudOptions(), state, progress)
        assert "no board STM32H747-DISCO" in caught.value.message
        assert "STM32H747I-DISCO" in caught.value.hint
        assert server.models == {}


def test_a_model_that_is_not_there_or_of_no_known_format_is_refused(connect, board, state, tmp_path, progress):
    other = tmp_path / "net.pt"
    other.write_bytes(b"x")
    with CloudServer() as server:
        with pytest.raises(UserError, match=r"no \.pt"):
            connect(server).benchmark(other, board(), CloudOptions(), state, progress)
        with pytest.raises(UserError, match="cannot be read"):
            connect(server).benchmark(tmp_path / "absent.onnx", board(), CloudOptions(), state, progress)


@pytest.mark.parametrize(
    ("failure", "at"),
    [
        (F.BUSY_ONCE, BOARDS),
        (F.BUSY_ONCE, START),
        (F.SERVER_ERROR_ONCE, BOARDS),
        (F.SERVER_ERROR_ONCE, POLL),
        (F.SERVER_ERROR_ONCE, MODELS),
        (F.TEXT_ARGUMENTS, BOARDS),
        (F.NOT_FOUND, "/api/benchmark/api"),
        (F.MALFORMED, "/api/benchmark/api"),
    ],
)
def test_what_passes_is_survived(failure, at, scene):
    with CloudServer(failure=failure, at=at) as server:
        report = scene.measure(server)
        assert report.duration_ms == 30.0
        assert len(server.jobs) == 1
        assert server.jobs["benchmark-1"].fields["optimization"] == "balanced"


def test_an_expired_login_is_renewed_once(scene, secrets_in):
    with CloudServer(failure=F.EXPIRED) as server:
        report = scene.act(scene.connect(server, "password"), "benchmark", "STM32H747I-DISCO")
        assert report.duration_ms == 30.0
        assert server.count("POST", "/api/user_service/login/refresh") == 1
        assert not (scene.run_folder.parent / "config").exists()
        assert secrets_in(server) == []


def test_a_full_disk_is_named_and_leaves_no_half_result(scene):
    full = scene.state.with_name("cloud_job_answer.json.part")
    with CloudServer() as server:
        try:
            full.symlink_to("/dev/full")
            full.write_bytes(b"x")
        except OSError as error:
            if error.errno != 28:
                pytest.skip("needs /dev/full")
        with pytest.raises(UserError, match="The disk is full: The result of the benchmark could not be written"):
            scene.measure(server)
        assert not scene.state.with_name("cloud_job_answer.json").exists()
        assert not full.is_symlink()
        report = scene.measure(server)
        assert report.duration_ms == 30.0
        assert len(server.jobs) == 1
