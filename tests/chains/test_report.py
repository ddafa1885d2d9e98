"""Every run ends with its report, whatever became of it, and no report costs a run."""

import json

import pytest

from zoo_core.errors import DataError
from zoo_core.runs.events import read_events
from zoo_core.runs.store import read_run


@pytest.fixture
def evaluation(chains, finished, tmp_path):
    """Return a function that evaluates the quantized model of the finished chain in a run of its own."""
    model = next((finished.run_dir / "quantized_models").glob("*.onnx"))

    def run(*overrides):
        path = chains.write(tmp_path)
        return chains.run(path, "operation_mode=evaluation", f"model.model_path={model}", *overrides)

    return run


def test_report_of_a_chain_holds_its_numbers(finished):
    text = (finished.run_dir / "report.html").read_text(encoding="utf-8")
    for row in finished.rows:
        assert row.name in text
    found = json.loads((finished.run_dir / "stages/4_evaluation/result.json").read_text(encoding="utf-8"))["result"]
    for metric in found["metrics"]:
        assert f"{metric['value']:.2f} %" in text
    for file in found["measured"]:
        assert file["sha256"] in text
    assert "Confusion matrix" in text
    assert text.count('class="wrong"') + text.count('class="right"') >= 8


def test_report_is_told_to_trackers_before_the_end(finished):
    events = read_events(finished.run_dir)
    assert events[-1]["event"] == "run_end"
    files = [file["path"] for file in events[-2]["files"]]
    assert files == ["resolved_config.yaml", "report.html"]


def test_report_can_be_left_out(evaluation):
    summary = evaluation("general.report=False")
    assert not (summary.run_dir / "report.html").exists()


def test_a_fault_of_the_report_is_one_warning(evaluation, monkeypatch):
    def fail(*_):
        msg = "no such thing"
        raise LookupError(msg)

    monkeypatch.setattr("zoo_core.reporting.report.write_report", fail)
    summary = evaluation()
    assert read_run(summary.run_dir).manifest.status == "done"
    log = (summary.run_dir / "stm32ai_main.log").read_text(encoding="utf-8")
    assert "The report could not be made: LookupError: no such thing. Try again with: zoo runs report" in log
    assert "Traceback" not in log


def test_failed_run_has_a_report_that_says_why(evaluation, monkeypatch, tmp_path):
    def fail(*_):
        raise DataError("The images are gone.", hint="Bring them back.")

    monkeypatch.setattr("zoo_core.services.evaluation.evaluation_split", fail)
    with pytest.raises(DataError):
        evaluation()
    text = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "DataError: The images are gone." in text
    assert 'class="badge failed"' in text
