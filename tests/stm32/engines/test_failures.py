"""Every failure of a tool, the cloud or a board ends `zoo run` in time, in one message, without a result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from zoo_core.errors import EXIT_OK
from zoo_stm32.testing.cloud import STATES, CloudFailure

F = CloudFailure
BOARD = "STM32H747I-DISCO"
N6 = "STM32N6570-DK"
MP2 = "STM32MP257F-EV1"
CLOUD = "cloud"
LOCAL = "local"
DEPLOY = "deploy"
DEPLOY_CLOUD = "deploy with code of the cloud"
DEPLOY_MPU = "deploy to a processor"
START = "/api/benchmark/benchmark/stm32h747i"
POLL = "/api/benchmark/benchmark/benchmark-"
LONGEST_S = 60.0
"""Far more than any case takes, far less than the limits of real tools."""


@dataclass(frozen=True)
class Case:
    where: str
    words: str
    failure: Any = None
    """Failure of the cloud, the tool, or the connection to a processor."""
    at: str = "/"
    state: str = "building"
    login: str = "token"
    board: str = BOARD
    build: str = "none"
    programmer: str = "none"
    probes: list[tuple[str, str]] | None = None
    limit: float | None = None
    """Shortened time limit of the tool that hangs, in seconds."""
    extra: tuple[str, ...] = field(default=())


def cloud(failure: CloudFailure, words: str, **more: Any) -> Case:
    return Case(CLOUD, words, failure, **more)


def local(failure: str, words: str, **more: Any) -> Case:
    return Case(LOCAL, words, failure, **more)


def deploy(words: str, **more: Any) -> Case:
    return Case(DEPLOY, words, **more)


CASES = {
    "wrong password": cloud(F.WRONG_PASSWORD, "refuses the password. 4 attempts are left", login="password"),
    "blocked account": cloud(F.BLOCKED_ACCOUNT, "blocked the account", login="password"),
    "login page changed": cloud(F.OTHER_LOGIN_PAGE, "login page", login="password"),
    "no login": cloud(F.NOT_FOUND, "There is no login", login="none", at="/nowhere"),
    "expired token": cloud(F.EXPIRED_FOR_GOOD, "login has expired"),
    "403": cloud(F.FORBIDDEN, "403, the account may not do this: terms of use", at="/api/benchmark"),
    "404": cloud(F.NOT_FOUND, "404, /api/benchmark/boards is not there", at="/api/benchmark"),
    "429": cloud(F.BUSY, "429, too many requests", at="/api/benchmark"),
    "429 with an hour to wait": cloud(F.BUSY_LONG, "asks to wait 3600 s", at="/api/file"),
    "500": cloud(F.SERVER_ERROR, "500, an error of the service itself: out of order", at="/api/benchmark"),
    "hang": cloud(F.HANG, "did not answer within the time limit", at="/api/benchmark", limit=0.5),
    "hang at the start of the job": cloud(F.HANG, "start of the benchmark: did not answer", at=START, limit=0.5),
    "answer without end": cloud(F.DRIP, "did not answer within the time limit", at="/api/benchmark", limit=0.5),
    "connection closed": cloud(F.CLOSED, "the connection broke off", at="/api/benchmark"),
    "answer cut off": cloud(F.BROKEN_OFF, "broke off after 8 of 4000", at="/api/file"),
    "malformed JSON": cloud(F.MALFORMED, 'not JSON: {"state": "do', at=POLL),
    "web page": cloud(F.WEB_PAGE, "not JSON: <html>", at="/api/benchmark"),
    "upload refused": cloud(F.UPLOAD_REFUSED, "did not take the model: quota exceeded"),
    "parameters rejected": cloud(F.REJECTED, "optimization: not a valid choice"),
    **{
        f"job error at {state}": cloud(F.JOB_ERROR, f"in state `{state.replace('_', ' ')}`: {state} went", state=state)
        for state in STATES
    },
    "job stuck": cloud(F.STUCK, "its state is in_queue", state="in_queue", limit=0.5),
    "result of another schema": cloud(F.OTHER_SCHEMA, "result.benchmark.info.graphs is missing"),
    "result of another board": cloud(F.OTHER_BOARD, "measured on STM32N6570-DK, not on STM32H747I-DISCO"),
    "tool not executable": local("not_executable", "may not be executed"),
    "version unreadable": local("version_unreadable", "does not state a version"),
    "predecessor of the tool": local("predecessor", "stm32ai, the predecessor"),
    "licence prompt": local("licence_prompt", "asked a question and nobody could answer", limit=2.0),
    "licence expired": local("licence_expired", "licence does not allow"),
    "unsupported layer": local("unsupported_layer", "does not know these layers of the model: Range, OneHot"),
    "tool crashes": local("crash", "crashed with SIGSEGV"),
    "tool hangs": local("hang", "did not end within 4 s", limit=4.0),
    "disk full in the tool": local("disk_full", "the disk is full"),
    "report missing": local("report_missing", "left neither network_c_info.json nor network_report.json"),
    "report cut off": local("report_truncated", "not complete JSON"),
    "report of another version": local("report_other_version", "version 1.9.9, but 4.0.0 ran"),
    "report of another format": local("report_other_format", "json_schema_version is 9.0"),
    "no board": deploy("No ST-LINK probe is connected", probes=[]),
    "two boards": deploy("2 probes could be the STM32H747I-DISCO: 0001", probes=[("0001", BOARD), ("0002", BOARD)]),
    "another board": deploy("No STM32H747I-DISCO is connected", probes=[("0001", "NUCLEO-F401RE")]),
    "compiler error": deploy("'foo' undeclared", build="error"),
    "image too large": deploy("does not fit the memory", build="overflow"),
    "build without result": deploy("made no new ELF file", build="silent"),
    "disk full in the build": deploy("the disk is full", build="disk"),
    "build hangs": deploy("did not end within 1 s", build="hang", limit=1.0),
    "flash failure": deploy("failed to download Sector", programmer="write"),
    "flash protected": deploy("the flash is protected", programmer="protected"),
    "chip not reached": deploy("does not reach the chip", programmer="target"),
    "board holds something else": deploy("differs at 0x08000FFF", programmer="verify"),
    "signing fails": deploy("Unable to open binary file", programmer="sign", board=N6),
    "code lacks a file": Case(DEPLOY, "network.c is missing or empty", "code_missing"),
    "truncated zip": Case(DEPLOY_CLOUD, "no zip archive or was cut off", F.TRUNCATED_ZIP),
    "zip that leaves its folder": Case(DEPLOY_CLOUD, "lies outside", F.ESCAPING_ZIP),
    "generation fails": Case(DEPLOY_CLOUD, "refuses the analysis: unsupported operator", F.TOOL_REFUSES),
    "conversion refused": Case(DEPLOY_MPU, "start of the conversion: answered 500", F.SERVER_ERROR, at="/api/gen"),
    "processor not reached": Case(DEPLOY_MPU, "the board cannot be reached", "unreachable"),
    "host key changed": Case(DEPLOY_MPU, "another one than before", "host_key_changed"),
    "key not accepted": Case(DEPLOY_MPU, "does not accept your key", "denied"),
    "disk of the processor full": Case(DEPLOY_MPU, "the disk is full", "disk"),
    "application dies": Case(DEPLOY_MPU, "libGL error: no display", "dies"),
}


def prepare(case: Case, world: Any, serve: Any) -> str:
    """Install what the case needs and return its configuration."""
    if case.limit is not None:
        world.cloud_limits = replace(world.cloud_limits, request=case.limit, benchmark=case.limit, check=case.limit)
        world.step_limits = replace(world.step_limits, build_s=case.limit)
        world.tool_limit_s = case.limit if case.where == LOCAL else world.tool_limit_s
    if isinstance(case.failure, CloudFailure):
        serve(failure=case.failure, at=case.at, state=case.state, login=case.login)
    if case.where == CLOUD:
        return (
            f"operation_mode: benchmarking\ntools: {{stedgeai: {{on_cloud: True}}}}\nbenchmarking: {{board: {BOARD}}}\n"
        )
    if case.where == LOCAL:
        tool = world.tool(failure=case.failure)
        tools = f"tools: {{stedgeai: {{path_to_stedgeai: {tool}}}}}"
        return f"operation_mode: benchmarking\n{tools}\nbenchmarking: {{board: {BOARD}}}\n"
    if case.where == DEPLOY_MPU:
        if not isinstance(case.failure, CloudFailure):
            serve()
        project = world.mpu(MP2, failure=case.failure if isinstance(case.failure, str) else "none")
        hardware = f"{{board: {MP2}, ip_address: 192.0.2.7}}"
        place = f"c_project_path: {project}, board_deploy_path: /usr/local/demo"
        return f"operation_mode: deployment\ndeployment: {{{place}, hardware_setup: {hardware}}}\n"
    installed = world.bench(case.board, build=case.build, failure=case.programmer, probes=case.probes)
    tool = f"path_to_stedgeai: {world.tool(failure=case.failure)}" if case.where == DEPLOY else "on_cloud: True"
    tools = f"tools: {{stedgeai: {{{tool}}}, path_to_cubeIDE: {installed['cubeide']}}}"
    target = f"{{c_project_path: {installed['project']}, hardware_setup: {{board: {case.board}}}}}"
    return f"operation_mode: deployment\n{tools}\ndeployment: {target}\n"


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 25
    assert {case.where for case in CASES.values()} == {CLOUD, LOCAL, DEPLOY, DEPLOY_CLOUD, DEPLOY_MPU}


@pytest.mark.parametrize("name", CASES)
def test_each_failure_is_one_message_and_no_result(world, failing_cloud, name) -> None:
    case = CASES[name]
    text = prepare(case, world, failing_cloud)
    started = time.monotonic()
    answer = world.run(text)
    assert time.monotonic() - started < LONGEST_S
    assert answer.code != EXIT_OK
    assert case.words in answer.err
    messages = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert len(messages) == 1
    assert "Traceback" not in answer.text
    assert answer.results() == []
    assert not list(answer.run_dir.rglob("cloud_job_answer.json"))
