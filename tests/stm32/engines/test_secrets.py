"""After runs with the cloud, nothing in run directory, log or output holds what was used to log in."""

from __future__ import annotations

import logging

import pytest

from zoo_core.errors import EXIT_OK
from zoo_stm32.testing.cloud import PASSWORD, CloudFailure

F = CloudFailure
BENCHMARK = """\
operation_mode: benchmarking
tools: {stedgeai: {on_cloud: True}}
benchmarking: {board: BOARD}
"""


def places_of(answer, caplog: pytest.LogCaptureFixture) -> dict[str, bytes]:
    """Return all that a run leaves or prints, by name."""
    files = {str(path): path.read_bytes() for path in answer.run_dir.rglob("*") if path.is_file()}
    names = {f"name of {path}": str(path).encode() for path in answer.run_dir.rglob("*")}
    return {**files, **names, "output": answer.text.encode(), "log": caplog.text.encode()}


def leaks(server, places: dict[str, bytes]) -> list[str]:
    return [
        f"{place}: {secret}" for place, data in places.items() for secret in server.secrets if secret.encode() in data
    ]


@pytest.mark.parametrize(
    ("board", "failure", "login"),
    [
        ("STM32H747I-DISCO", None, "token"),
        ("STM32H747I-DISCO", None, "password"),
        ("STM32H747I-DISCO", F.RESULT_REPEATS_TOKEN, "token"),
        ("STM32H747I-DISCO", F.EXPIRED, "password"),
        ("STM32MP257F-EV1", None, "token"),
        ("STM32MP257F-EV1", F.EXPIRED, "password"),
    ],
)
def test_a_cloud_run_leaves_no_secret(world, failing_cloud, caplog, *, board, failure, login) -> None:
    caplog.set_level(logging.DEBUG)
    server = failing_cloud(failure=failure, login=login)
    answer = world.run(BENCHMARK.replace("BOARD", board))
    assert answer.code == EXIT_OK, answer.text
    places = places_of(answer, caplog)
    assert len(places) > 8
    assert leaks(server, places) == []
    assert not (world.root / "config").exists()


@pytest.mark.parametrize(
    ("failure", "at", "login"),
    [
        (F.ECHO, "/api/benchmark", "token"),
        (F.ECHO, "/api/file", "password"),
        (F.WRONG_PASSWORD, "/", "password"),
        (F.JOB_ERROR, "/", "password"),
        (F.EXPIRED_FOR_GOOD, "/", "password"),
        (F.MALFORMED, "/api/user_service/login/callback", "password"),
    ],
)
def test_a_failing_cloud_run_leaves_no_secret(world, failing_cloud, caplog, *, failure, at, login) -> None:
    caplog.set_level(logging.DEBUG)
    server = failing_cloud(failure=failure, at=at, login=login)
    answer = world.run(BENCHMARK.replace("BOARD", "STM32H747I-DISCO"))
    assert answer.code != EXIT_OK
    assert leaks(server, places_of(answer, caplog)) == []


def test_the_search_would_find_one(world, cloud, caplog) -> None:
    answer = world.run(BENCHMARK.replace("BOARD", "STM32H747I-DISCO"))
    (answer.run_dir / "note.txt").write_text(f"the password is {PASSWORD}")
    assert len(leaks(cloud, places_of(answer, caplog))) == 1
