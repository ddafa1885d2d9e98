"""`zoo run` hands file and overrides to the service layer and ends with a table and the path of the run."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path
from typing import Any

import pytest

from zoo_core.artifacts import FloatOnnx, QuantizedOnnx
from zoo_core.errors import DataError
from zoo_core.plugins.catalog import Catalog
from zoo_core.plugins.hook_check import make_manager
from zoo_core.plugins.relay import LifeCycleRelay
from zoo_core.protocols import Stage
from zoo_core.reporting.summary import summarize
from zoo_core.results import MetricValue
from zoo_core.services.plan import Plan, PlannedStage, Source

PLAN = Plan(
    (
        PlannedStage(Stage(1, "quantization"), "q", Source(FloatOnnx, "model.model_path"), QuantizedOnnx),
        PlannedStage(Stage(2, "evaluation"), "e", Source(QuantizedOnnx, "1_quantization"), None),
    )
)
METRICS = (
    MetricValue(name="top1", value=98.3333, unit="%", split="test", model="float"),
    MetricValue(name="top1", value=98.0556, unit="%", split="test", model="int8"),
    MetricValue(name="file_size", value=320_000, unit="bytes", higher_is_better=False, model="float"),
    MetricValue(name="file_size", value=90_112, unit="bytes", higher_is_better=False, model="int8"),
)


class Service:
    """Stand in for `zoo_core.services.run` and note how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Path, tuple[str, ...], bool]] = []
        self.error: BaseException | None = None
        self.warning: str | None = None
        self.run_dir = Path("experiments_outputs/one").absolute()

    def run_file(self, path: Path, overrides: Any, *, catalog: Catalog, progress: Any, dry_run: bool = False) -> Any:
        self.calls.append(("run", path, tuple(overrides), dry_run))
        return self._answer(catalog, progress, None if dry_run else self.run_dir)

    def resume_run(self, run_dir: Path, overrides: Any, *, catalog: Catalog, progress: Any) -> Any:
        self.calls.append(("resume", run_dir, tuple(overrides), False))
        return self._answer(catalog, progress, run_dir)

    def _answer(self, catalog: Catalog, progress: Any, run_dir: Path | None) -> Any:
        if run_dir is not None:
            catalog.relay.zoo_before_stage(stage=Stage(1, "quantization"), run_dir=run_dir, config=None)
            logging.getLogger("zoo").info("Stage 1_quantization")
            if self.warning is not None:
                logging.getLogger("zoo").warning(self.warning)
            with progress.track("calibrating", 2) as task:
                task.advance(2)
        if self.error is not None:
            raise self.error
        rows = summarize(METRICS) if run_dir is not None else ()
        return types.SimpleNamespace(
            run_dir=run_dir, plan=PLAN, rows=rows, notes=("moved a key",), warnings=("board absent",)
        )


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, use_catalog, folder: Path) -> Service:
    Path("user_config.yaml").write_text("operation_mode: chain_qe\n")
    use_catalog(Catalog.assemble([], relay=LifeCycleRelay(manager=make_manager())))
    stand_in = Service()
    monkeypatch.setitem(sys.modules, "zoo_core.services.run", stand_in)
    return stand_in


def test_run_hands_on_file_and_overrides(cli, service: Service) -> None:
    assert cli("run", "user_config.yaml", "a.b=1", "~c").code == 0
    assert service.calls == [("run", Path("user_config.yaml"), ("a.b=1", "~c"), False)]


def test_run_ends_with_a_table_and_the_path(cli, service: Service) -> None:
    answer = cli("run")
    assert answer.code == 0
    table = [line.split() for line in answer.out.splitlines() if line]
    assert table == [
        ["METRIC", "SPLIT", "FLOAT", "INT8", "INT8", "-", "FLOAT"],
        ["top1", "test", "98.33", "%", "98.06", "%", "-0.28", "%"],
        ["METRIC", "FLOAT", "INT8", "INT8", "-", "FLOAT"],
        ["file_size", "312.5", "KiB", "88.0", "KiB", "-224.5", "KiB"],
        ["Results", "are", "in", "experiments_outputs/one"],
    ]


def test_progress_and_log_go_to_standard_error(cli, service: Service) -> None:
    assert cli("run").err.splitlines() == [
        "Stage 1_quantization",
        "calibrating: 0.0 s",
    ]


def test_run_json_is_one_document(cli, service: Service) -> None:
    document = cli("run", "--json").document
    assert set(document) == {"schema_version", "run_dir", "report", "plan", "metrics", "notes", "warnings"}
    assert document["run_dir"] == str(service.run_dir)
    assert document["report"] is None
    assert document["plan"][1] == {
        "id": "2_evaluation",
        "service": "evaluation",
        "takes": "quantized_onnx",
        "from": "1_quantization",
        "makes": None,
        "inserted": False,
    }
    assert document["metrics"][0] == {
        "name": "top1",
        "split": "test",
        "unit": "%",
        "higher_is_better": True,
        "float": 98.3333,
        "int8": 98.0556,
        "value": None,
    }


def test_run_names_the_report_where_there_is_one(cli, service: Service) -> None:
    service.run_dir.mkdir(parents=True)
    (service.run_dir / "report.html").touch()
    assert cli("run").out.splitlines()[-2:] == [
        "Results are in experiments_outputs/one",
        "Report: experiments_outputs/one/report.html",
    ]
    assert cli("run", "--json").document["report"] == str(service.run_dir / "report.html")


@pytest.mark.parametrize("arguments", [["--quiet", "run"], ["run", "-q"]])
def test_quiet_run_shows_the_table_and_warnings_alone(cli, service: Service, arguments: list[str]) -> None:
    service.warning = "board absent"
    answer = cli(*arguments)
    assert answer.err == "warning: board absent\n"
    assert answer.out == cli("run").out
    assert "Results are in" in answer.out


def test_quiet_dry_run_has_no_notes_but_an_error_keeps_its_own(cli, service: Service) -> None:
    assert cli("run", "-q", "--dry-run").err == "warning: board absent\n"
    service.error = DataError("No images.")
    assert "zoo run --resume" in cli("run", "-q").err
    service.error = None
    assert "note: moved a key" in cli("run", "--dry-run").err


def test_dry_run_prints_the_plan(cli, service: Service) -> None:
    answer = cli("run", "--dry-run")
    assert service.calls[0][3] is True
    assert answer.out.splitlines() == [
        "1_quantization: takes a float ONNX model from model.model_path, makes a quantized ONNX model",
        "2_evaluation: takes a quantized ONNX model from 1_quantization",
    ]
    assert "Nothing was run" in answer.err


def test_resume_takes_the_run_and_overrides(cli, service: Service) -> None:
    answer = cli("run", "--resume", "experiments_outputs/one", "training.epochs=9")
    assert answer.code == 0
    assert service.calls == [("resume", Path("experiments_outputs/one"), ("training.epochs=9",), False)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--resume", "one", "user_config.yaml"],
        ["--resume", "one", "--config-name", "user_config"],
        ["--resume", "one", "--dry-run"],
    ],
)
def test_resume_takes_no_file(cli, service: Service, arguments: list[str]) -> None:
    assert cli("run", *arguments).code == 2
    assert service.calls == []


def test_failure_after_the_start_says_how_to_continue(cli, service: Service) -> None:
    service.error = DataError("No images.", hint="Set dataset.test_path.")
    answer = cli("run")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.splitlines()[-4:] == [
        "error: No images.",
        "  Set dataset.test_path.",
        "note: Finished stages are kept. Continue, once this is mended, with:",
        "  zoo run --resume experiments_outputs/one",
    ]


def test_failure_names_the_run_in_its_document(cli, service: Service) -> None:
    service.error = DataError("No images.")
    assert cli("run", "--json").document["error"]["run_dir"] == str(service.run_dir)


def test_failure_before_the_start_offers_no_continuation(cli, service: Service) -> None:
    service.error = DataError("No images.")
    assert "--resume" not in cli("run", "--dry-run").err


def test_interruption_says_how_to_continue(cli, service: Service) -> None:
    service.error = KeyboardInterrupt()
    answer = cli("run")
    assert answer.code == 130
    assert answer.err.splitlines()[-1] == "  Continue with: zoo run --resume experiments_outputs/one"


def test_follower_of_a_distributed_training_is_silent(cli, service: Service, monkeypatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    answer = cli("run")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_control_c_in_a_real_process_ends_with_130(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time, types
        from pathlib import Path
        from zoo_core.cli.main import run_cli
        from zoo_core.protocols import Stage

        def run_file(path, overrides, *, catalog, progress, dry_run):
            catalog.relay.zoo_before_stage(stage=Stage(1, "training"), run_dir=Path("out").absolute(), config=None)
            Path("started").touch()
            time.sleep(60)

        sys.modules["zoo_core.services.run"] = types.SimpleNamespace(run_file=run_file, resume_run=None)
        sys.exit(run_cli(["run", "--no-plugins"]))
        """
    )
    (tmp_path / "user_config.yaml").touch()
    environment = {key: value for key, value in os.environ.items() if key != "LOCAL_RANK"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "interrupted: Finished stages and epochs are kept.\n  Continue with: zoo run --resume out\n"


def test_findings_in_words_stand_below_the_metrics_of_the_model_they_belong_to() -> None:
    from zoo_core.cli.run import _table
    from zoo_core.reporting.summary import summarize_facts

    facts = summarize_facts([{"board": "acme", "bit_exact": "no"}, {"bit_exact": "yes"}])
    metrics = summarize([MetricValue(name="total_ram", value=2048.0, unit="bytes", model="int8")])
    assert _table((*metrics, *facts)) == (
        ["METRIC", "INT8"],
        [["total_ram", "2.0 KiB"], ["board", "acme"], ["bit_exact", "yes"]],
    )
    assert _table(facts) == (["METRIC", "VALUE"], [["board", "acme"], ["bit_exact", "yes"]])
