"""Nothing finished is lost: runs go on after kills, interrupts and failures, and end as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from zoo_core.errors import RunStoreError
from zoo_core.runs.store import read_run

EPOCHS = "training.epochs=4"


def weights(run_dir, name="last.pth.tar"):
    return torch.load(run_dir / "saved_models" / name, weights_only=True)["state_dict"]


def assert_equal(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def start_process(config, *overrides):
    command = [sys.executable, "-m", "zoo_core", "run", str(config), *overrides]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_epochs(run_dir, count, process):
    """Wait until the records of some epochs are on disk."""
    path = run_dir / "stages" / "1_training" / "summary.csv"
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and len(path.read_text().splitlines()) > count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} epochs: {process.communicate()[1]}")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, chains):
    """Four epochs without interruption."""
    config = chains.write(tmp_path_factory.mktemp("straight"))
    return chains.run(config, "operation_mode=training", EPOCHS).run_dir


@pytest.mark.parametrize(
    "kind", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=["kill -9", "Ctrl-C"]
)
def test_interrupted_training_ends_with_the_same_weights(kind, straight, tmp_path, chains):
    config = chains.write(tmp_path)
    process = start_process(config, "operation_mode=training", EPOCHS)
    run_dir = tmp_path / "run"
    wait_for_epochs(run_dir, 2, process)
    process.send_signal(kind)
    output = process.communicate(timeout=60)
    if kind == signal.SIGINT:
        assert process.returncode == 130, output
        assert "zoo run --resume" in output[1]
        assert read_run(run_dir).manifest.status == "interrupted"
    chains.resume(run_dir)
    assert_equal(weights(run_dir, "model_best.pth.tar"), weights(straight, "model_best.pth.tar"))
    assert_equal(weights(run_dir), weights(straight))
    ours, theirs = ((root / "stages/1_training/summary.csv").read_text().splitlines() for root in (run_dir, straight))
    assert [line.split(",")[0] for line in ours] == [line.split(",")[0] for line in theirs]


@pytest.fixture
def copied(finished, tmp_path):
    """A finished `chain_tqeb` that was moved elsewhere."""
    return shutil.copytree(finished.run_dir, tmp_path / "run")


def test_finished_stages_are_not_computed_again(copied, chains):
    run_dir = copied
    results = sorted(run_dir.glob("stages/*/result.json"))
    before = {path: path.stat().st_mtime_ns for path in results}
    assert len(before) == 5
    chains.resume(run_dir)
    assert {path: path.stat().st_mtime_ns for path in results} == before
    chains.resume(run_dir, "quantization.granularity=per_tensor")
    changed = {path.parent.name for path in results if path.exists() and path.stat().st_mtime_ns != before[path]}
    assert "1_training" not in changed
    assert {"3_quantization", "4_evaluation"} <= changed


def test_run_killed_between_stages_goes_on_with_the_next(copied, chains):
    run_dir = copied
    (run_dir / "stages/4_evaluation/result.json").unlink()
    trained = (run_dir / "stages/1_training/result.json").stat().st_mtime_ns
    summary = chains.resume(run_dir)
    assert (run_dir / "stages/1_training/result.json").stat().st_mtime_ns == trained
    assert [record.stage.service for record in summary.records][3] == "evaluation"
    assert read_run(run_dir).manifest.status == "done"


def test_more_epochs_continue_the_training(tmp_path, straight, chains):
    run_dir = chains.run(chains.write(tmp_path), "operation_mode=training", "training.epochs=2", SCHEDULE).run_dir
    chains.resume(run_dir, "training.epochs=4")
    rows = (run_dir / "stages/1_training/summary.csv").read_text().splitlines()
    assert len(rows) == 5


SCHEDULE = "training.lr_scheduler.sched=none"


def test_other_settings_start_anew_and_keep_the_old_weights(tmp_path, chains):
    run_dir = chains.run(chains.write(tmp_path), "operation_mode=training", "training.epochs=1").run_dir
    old = (run_dir / "saved_models/model_best.pth.tar").read_bytes()
    chains.resume(run_dir, "training.batch_size=128")
    assert (run_dir / "saved_models/previous_model_best.pth.tar").read_bytes() == old
    assert (run_dir / "saved_models/model_best.pth.tar").read_bytes() != old


def test_folder_with_a_run_is_not_overwritten(tmp_path, chains):
    config = chains.write(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(RunStoreError, match="already holds a run"):  # before the data are looked at
        chains.run(config, "operation_mode=training", "dataset.validation_split=0.9999")
    assert (tmp_path / "run" / "run.json").read_text() == "{}"


def test_run_folder_below_a_file_is_refused_with_the_reason(tmp_path, chains):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunStoreError, match="is a file, not a folder"):
        chains.run(chains.write(tmp_path, run_dir="file/run"))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs a POSIX system")
def test_full_disk_while_training_leaves_finished_epochs_and_a_clear_message(tmp_path, chains):
    """The limit on file size stands in for a full disk: a write fails in the middle."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "from zoo_core.cli.main import main; sys.argv = ['zoo', *sys.argv[1:]]; main()"
    )
    config = chains.write(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(config), "operation_mode=training"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "too large" in done.stderr or "full" in done.stderr
    assert not list((tmp_path / "run").glob("stages/*/result.json"))
    assert not (tmp_path / "run/saved_models/last.pth.tar").exists()
    chains.resume(tmp_path / "run")
    assert read_run(tmp_path / "run").manifest.status == "done"
