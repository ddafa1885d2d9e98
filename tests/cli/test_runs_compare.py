"""`zoo runs compare` puts runs side by side: what differs, what is better, and what cannot be compared."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoo_core.protocols import Stage
from zoo_core.results import BenchmarkResult, EvaluationResult, MetricValue, QuantizationResult
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry
from zoo_core.runs.store import Run

SERVICES = ("quantization", "evaluation", "benchmarking")
KIB = 1024


@dataclass
class Figures:
    """Hold what differs between the runs of a test."""

    epochs: int = 3
    top1: float = 90.0
    images: int = 100
    split: str = "test"
    quantized_bytes: int = 100 * KIB
    latency: float = 2.0
    board: str = "STM32H747I-DISCO"
    use_case: str = "counting"
    test_path: str = "/data/beans"
    status: str = "done"
    seconds: float = 10.0


def write_run(root: Path, figures: Figures) -> Path:
    stages = [Stage(number, service) for number, service in enumerate(SERVICES, start=1)]
    manifest = RunManifest(
        operation_mode="chain_qeb",
        use_case=figures.use_case,
        project_name="beans",
        model_name="counter_net",
        config={
            "training": {"epochs": figures.epochs, "batch_size": 8},
            "dataset": {"test_path": figures.test_path},
            "hydra": {"run": {"dir": str(root)}},
        },
        config_file="/files/user_config.yaml",
        base_dir="/files",
        overrides=(),
        config_hash="0",
        seed=42,
        created="2026-11-20T10:00:00+00:00",
        stages=tuple(StageEntry(id=stage.id, service=stage.service) for stage in stages),
    )
    run = Run.create(RunLayout(root), manifest)
    quantized = QuantizationResult(
        quantizer="q",
        granularity="per_channel",
        weight_type="Int8",
        activation_type="Int8",
        calibration_images=1,
        calibrated_on="train",
        float_bytes=400 * KIB,
        quantized_bytes=figures.quantized_bytes,
    )
    top1 = MetricValue(name="top1", value=figures.top1, unit="%", split=figures.split, model="int8")
    evaluated = EvaluationResult(metrics=(top1,), split=figures.split, images=figures.images)
    latency = MetricValue(name="latency_median", value=figures.latency, unit="ms", higher_is_better=False, model="int8")
    measured = BenchmarkResult(metrics=(latency,), target="board", device=figures.board)
    for stage, result in zip(stages, (quantized, evaluated, measured), strict=True):
        if figures.status != "done" and stage is stages[-1]:
            run.set_stage(StageEntry(id=stage.id, service=stage.service, status="failed", error="no board"))
            break
        run.finish_stage(stage, result, None, fingerprint="f", seconds=figures.seconds)
    run.set_status(figures.status)
    return root


@pytest.fixture
def compare(cli, tmp_path: Path):
    """Return a function that writes one run per set of figures and compares them."""

    def call(*runs: Figures, options: tuple[str, ...] = ()):
        folders = [write_run(tmp_path / chr(ord("a") + index), figures) for index, figures in enumerate(runs)]
        return cli("runs", "compare", *map(str, folders), *options)

    return call


def lines_of(answer) -> dict[str, list[str]]:
    return {line.split("  ")[0]: line.split()[1:] for line in answer.out.splitlines() if line}


def test_metrics_are_judged_by_their_own_direction(compare) -> None:
    answer = compare(Figures(), Figures(epochs=6, top1=91.5, latency=3.5))
    assert answer.code == 0
    lines = lines_of(answer)
    assert lines["KEY"] == ["1:", "a", "2:", "b"]
    assert lines["training.epochs"] == ["3", "6"]
    assert "training.batch_size" not in answer.out
    assert "hydra.run.dir" not in answer.out
    assert lines["int8/test/top1"] == ["90.00", "%", "91.50", "%", "(+1.50,", "better)"]
    assert lines["int8/latency_median"] == ["2", "ms", "3.5", "ms", "(+1.5,", "worse)"]
    assert "warning:" not in answer.err


def test_sizes_of_files_and_times(compare) -> None:
    lines = lines_of(compare(Figures(), Figures(quantized_bytes=90 * KIB, seconds=40.0)))
    assert lines["float ONNX"][1:] == ["400.0", "KiB", "400.0", "KiB"]
    assert lines["int8 ONNX"][1:] == ["100.0", "KiB", "90.0", "KiB", "(-10.0", "KiB,", "better)"]
    assert lines["quantization"] == ["10", "s", "40", "s"]
    assert lines["total"] == ["30", "s", "2:00"]


def test_standard_error_of_a_share_of_images(compare) -> None:
    """sqrt(0.9 * 0.1 / 100) is 3 %, sqrt(0.8 * 0.2 / 400) is 2 %."""
    answer = compare(Figures(top1=90.0, images=100), Figures(top1=80.0, images=400))
    (line,) = [line for line in answer.out.splitlines() if "standard error" in line]
    assert line.startswith("One standard error of int8/test/top1")
    assert "run 1 3.00 % of 100 images; run 2 2.00 % of 400 images" in line


def test_equal_sections_are_left_out_but_for_all(compare, cli, tmp_path) -> None:
    answer = compare(Figures(), Figures())
    assert "METRIC" not in answer.out
    assert "KEY" not in answer.out
    assert "FILE" not in answer.out
    assert "the configuration, every metric, the size of the files" in answer.err
    lines = lines_of(cli("runs", "compare", str(tmp_path / "a"), str(tmp_path / "b"), "--all"))
    assert lines["training.batch_size"] == ["8", "8"]
    assert lines["int8/test/top1"] == ["90.00", "%", "90.00", "%"]


def test_three_runs_are_judged_against_the_first(compare) -> None:
    lines = lines_of(compare(Figures(), Figures(top1=91.0), Figures(top1=89.0)))
    assert lines["int8/test/top1"] == (
        ["90.00", "%", "91.00", "%", "(+1.00,", "better)", "89.00", "%", "(-1.00,", "worse)"]
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Figures(use_case="sorting"), "differ in use case (1: a: counting; 2: b: sorting)"),
        (Figures(images=50), "1: a: 100 of the split test; 2: b: 50 of the split test"),
        (Figures(split="validation"), "2: b: 100 of the split validation"),
        (Figures(test_path="/data/peas"), "data sets differ (dataset.test_path)"),
        (Figures(board="NUCLEO-H743ZI2"), "1: a: STM32H747I-DISCO; 2: b: NUCLEO-H743ZI2"),
        (Figures(status="failed"), "Run 2: b is failed at 3_benchmarking"),
    ],
)
def test_what_hinders_a_comparison_is_told(compare, other, words) -> None:
    answer = compare(Figures(), other)
    assert answer.code == 0
    (warning,) = [line for line in answer.err.splitlines() if line.startswith("warning:")]
    assert words in warning


def test_figure_that_a_run_lacks_is_not_judged(compare) -> None:
    lines = lines_of(compare(Figures(), Figures(status="failed")))
    assert lines["int8/latency_median"] == ["2", "ms", "-"]
    assert lines["benchmarking"] == ["10", "s", "-"]


def test_json_has_everything(compare) -> None:
    document = compare(Figures(), Figures(epochs=6, top1=91.5, images=400), options=("--json",)).document
    comparison = document["comparison"]
    assert comparison["runs"] == ["a", "b"]
    assert comparison["configuration"] == [{"key": "training.epochs", "values": [3, 6]}]
    assert comparison["same"]["training.batch_size"] == 8
    top1 = next(metric for metric in comparison["metrics"] if metric["key"] == "int8/test/top1")
    assert (top1["verdicts"][1], top1["differences"], top1["images"]) == ("better", [0.0, 1.5], [100, 400])
    assert comparison["sizes"][1]["values"] == [100 * KIB, 100 * KIB]
    assert comparison["times"][-1] == {"stage": "total", "seconds": [30.0, 30.0]}
    assert comparison["details"][1]["evaluated"] == {"test": 400}
    assert len(comparison["warnings"]) == 1


def test_page_is_written_beside_the_text(compare, tmp_path) -> None:
    page = tmp_path / "pages" / "comparison.html"
    answer = compare(Figures(), Figures(top1=91.5), options=("--report", str(page)))
    assert answer.code == 0
    assert str(page) in answer.out
    text = page.read_text(encoding="utf-8")
    assert "91.50" in text
    assert re.findall(r"(?:src|href)=[\"'](?!#|data:)", text) == []


def test_one_run_is_no_comparison(cli, tmp_path) -> None:
    answer = cli("runs", "compare", str(write_run(tmp_path / "a", Figures())))
    assert answer.code == 2
    assert "two runs" in answer.err


def test_run_is_not_compared_with_itself(cli, tmp_path) -> None:
    run = write_run(tmp_path / "a", Figures())
    answer = cli("runs", "compare", str(run), str(run.parent / "." / "a" / ".." / "a"))
    assert answer.code == 2
    assert "named more than once" in answer.err


def test_every_folder_that_holds_no_run_is_named(cli, tmp_path) -> None:
    run = write_run(tmp_path / "a", Figures())
    shutil.copytree(run, tmp_path / "damaged")
    (tmp_path / "damaged" / "run.json").write_text("{")
    answer = cli("runs", "compare", str(run), str(tmp_path / "absent"), str(tmp_path / "damaged"))
    assert (answer.code, answer.out) == (2, "")
    assert "absent is not a run" in answer.err
    assert "damaged" in answer.err
