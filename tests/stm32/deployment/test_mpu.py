"""Deployment to application processors over stand-ins of ssh and scp."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoo_core.errors import MissingError, ZooError
from zoo_stm32.deployment import deploy
from zoo_stm32.testing.ssh import set_failure

REMOTE = "usr/local/demo; touch x"


def test_model_application_and_names_reach_the_board_and_run(mpu_bench) -> None:
    made = mpu_bench()
    outcome = deploy(made.job, None, made.progress)
    assert [(step.name, step.status) for step in outcome.steps] == [
        ("check", "done"),
        ("place", "done"),
        ("verify", "done"),
        ("launch", "done"),
    ]
    root = made.board_root / REMOTE
    assert (root / "my model.nb").read_text() == "a network binary graph"
    assert (root / "Resources/class_names.txt").read_text() == "daisy\nrose\n"
    assert (root / "Application/app.py").exists()
    launched = json.loads((made.board_root / "launched.json").read_text())
    assert launched[:4] == [
        "nohup",
        f"/{REMOTE}/Application/launch_demo.sh",
        f"/{REMOTE}/my model.nb",
        f"/{REMOTE}",
    ]
    assert not (made.job.project / "Resources/class_names.txt").exists()
    assert not list(made.board_root.rglob("x"))
    calls = [json.loads(line) for line in (made.ssh_folder / "calls.jsonl").read_text().splitlines()]
    for call in calls:
        assert "StrictHostKeyChecking=yes" in call
        assert "BatchMode=yes" in call
        assert "root@192.0.2.7" in " ".join(call)


@pytest.mark.parametrize(
    ("failure", "step", "words"),
    [
        ("unreachable", "check", "the board cannot be reached"),
        ("host_key_changed", "check", "another one than before"),
        ("host_key_unknown", "check", "is not known"),
        ("denied", "check", "does not accept your key"),
        ("disk", "place", "the disk is full"),
        ("broken", "place", "the connection broke"),
        ("dies", "launch", "libGL error: no display"),
    ],
)
def test_each_failure_is_one_message(mpu_bench, failure: str, step: str, words: str) -> None:
    made = mpu_bench(failure=failure)
    with pytest.raises(ZooError) as caught:
        deploy(made.job, None, made.progress)
    assert str(caught.value).startswith(f"Deployment stopped at the step {step}.")
    assert words in str(caught.value)


def test_a_board_that_hangs_is_given_up(mpu_bench) -> None:
    made = mpu_bench(failure="hang")
    made.change(limits=replace(made.job.limits, connect_s=0.5))
    with pytest.raises(MissingError, match="did not end within"):
        deploy(made.job, None, made.progress)


def test_all_that_lacks_is_listed_at_once(mpu_bench, tmp_path: Path) -> None:
    made = mpu_bench()
    (tmp_path / "empty").mkdir()
    made.change(
        project=tmp_path / "empty",
        class_names=(),
        host=replace(made.job.host, address="-oProxyCommand=evil", path="relative"),
        tools=type(made.job.tools)(),
        model=tmp_path / "none.nb",
    )
    with pytest.raises(MissingError) as caught:
        deploy(made.job, None, made.progress)
    message = str(caught.value)
    for words in ("Application", "Resources", "launch_*.sh", "no classes", "none.nb", "tool: ssh", "tool: scp"):
        assert words in message
    assert "'-oProxyCommand=evil' is no address" in message
    assert "'relative' is no absolute folder" in message


def test_a_file_that_differs_on_the_board_is_found(mpu_bench) -> None:
    made = mpu_bench()
    deploy(made.job, None, made.progress)
    (made.board_root / REMOTE / "my model.nb").write_text("cut")
    with pytest.raises(ZooError, match="on the board is not"):
        deploy(made.job, ("verify",), made.progress)


def test_a_broken_copy_is_taken_up_again(mpu_bench) -> None:
    made = mpu_bench(failure="broken")
    with pytest.raises(ZooError):
        deploy(made.job, None, made.progress)
    set_failure(made.ssh_folder, "none", made.board_root)
    assert deploy(made.job, None, made.progress).steps[-1].name == "launch"
