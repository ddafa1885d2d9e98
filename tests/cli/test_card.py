"""`zoo card` prints or writes the card of a run, and never one of other files than those that were measured."""

from pathlib import Path

import pytest
import yaml

from zoo_core.artifacts import FloatOnnx, hash_file
from zoo_core.protocols import Stage
from zoo_core.results import EvaluationResult, ExportResult, MeasuredFile, MetricValue
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run


@pytest.fixture
def run_dir(folder: Path, small_catalog) -> Path:
    """Return the folder of a run whose network the catalogue of the tests knows."""
    root = folder / "runs" / "first"
    stages = [Stage(1, "export"), Stage(2, "evaluation")]
    manifest = RunManifest(
        operation_mode="chain_te",
        use_case="counting",
        project_name="beans",
        model_name="counter_net",
        config={},
        config_file="",
        base_dir="",
        overrides=(),
        config_hash="",
        seed=1,
        created="2026-11-20T10:00:00+00:00",
        stages=tuple(StageEntry(id=stage.id, service=stage.service) for stage in stages),
    )
    run = Run.create(RunLayout(root), manifest)
    model = root / "net.onnx"
    model.write_bytes(b"network")
    exported = ExportResult(opset=17, batch="1", parity_max_abs=0.0, parity_tolerance=0.1, parameters=5)
    artifact = FloatOnnx(path=model, sha256=hash_file(model), made_by="1_export")
    run.finish_stage(stages[0], exported, artifact, fingerprint="", seconds=1.0)
    metric = MetricValue(name="top1", value=75.0, unit="%", split="test", model="float")
    measured = MeasuredFile("float", "net.onnx", hash_file(model))
    evaluated = EvaluationResult(metrics=(metric,), measured=(measured,), split="test", images=8)
    run.finish_stage(stages[1], evaluated, None, fingerprint="", seconds=1.0)
    run.set_status("done")
    return root


def test_card_goes_to_standard_output(cli, run_dir) -> None:
    answer = cli("card", str(run_dir), "--license", "MIT")
    assert answer.code == 0
    front, _, body = answer.out.removeprefix("---\n").partition("---\n")
    assert yaml.safe_load(front)["license"] == "mit"
    assert "# counter_net" in body
    assert "| top1 | 75.00 % |" in body
    assert "Apache-2.0" in body  # of the network's code, as the catalogue states
    assert "Apache-2.0" not in front


def test_card_is_written_once(cli, run_dir, folder) -> None:
    arguments = ("card", str(run_dir), "-o", "cards/README.md")
    assert cli(*arguments).out.startswith("Wrote cards/README.md")
    path = folder / "cards" / "README.md"
    assert path.read_text(encoding="utf-8") == cli("card", str(run_dir)).out
    answer = cli(*arguments)
    assert (answer.code, answer.out) == (0, "")
    assert "already" in answer.err


def test_other_file_is_replaced_only_on_request(cli, run_dir, folder) -> None:
    path = folder / "README.md"
    path.write_text("mine")
    answer = cli("card", str(run_dir), "--output", "README.md")
    assert answer.code == 2
    assert "--force" in answer.err
    assert path.read_text() == "mine"
    assert cli("card", str(run_dir), "--output", "README.md", "--force").code == 0
    assert "# counter_net" in path.read_text(encoding="utf-8")


def test_changed_model_file_leaves_no_card(cli, run_dir, folder) -> None:
    (run_dir / "net.onnx").write_bytes(b"another")
    answer = cli("card", str(run_dir), "--output", "README.md")
    assert (answer.code, answer.out) == (2, "")
    assert "net.onnx" in answer.err
    assert f"zoo run --resume {run_dir}" in answer.err
    assert not (folder / "README.md").exists()


def test_json_holds_the_text_and_what_it_was_made_of(cli, run_dir) -> None:
    card = cli("card", str(run_dir), "--json").document["card"]
    assert card["text"] == cli("card", str(run_dir)).out
    assert card["output"] is None
    assert card["front_matter"]["library_name"] == "zoo"
    (file,) = card["files"]
    assert (file["path"], file["size"], file["measured_by"]) == ("net.onnx", 7, ["2_evaluation"])
    assert file["sha256"] == hash_file(run_dir / "net.onnx")


def test_error_is_a_document_too(cli, run_dir) -> None:
    (run_dir / "net.onnx").unlink()
    error = cli("card", str(run_dir), "--json").document["error"]
    assert error["type"] == "UserError"
    assert "no file" in error["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("runs",), "is not a run"),
        (("runs/first", "--output", "runs"), "is a folder"),
        (("runs/first", "--license", "do what you want"), "apache-2.0"),
    ],
)
def test_mistakes_are_told(cli, run_dir, arguments, words) -> None:
    answer = cli("card", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err
