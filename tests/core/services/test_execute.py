"""While a stage runs the user sees it, whatever it is doing; its figures are shown when that is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo_core.errors import DataError
from zoo_core.protocols import Stage
from zoo_core.results import EvaluationResult
from zoo_core.runs.layout import RunLayout
from zoo_core.runs.manifest import RunManifest
from zoo_core.runs.store import Run
from zoo_core.services import execute
from zoo_core.services.base import StageOutput
from zoo_core.services.execute import Executor
from zoo_core.services.plan import Plan, PlannedStage

FIGURE = "stages/1_evaluation/confusion_matrix.png"
STAGE = Stage(1, "evaluation")


class OpenBars:
    """Know what is under way, and what was once it ended."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.ended: list[str] = []

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Any]:
        self.open.append(description)
        try:
            yield SimpleNamespace(advance=lambda *_, **__: None)
        finally:
            self.ended.append(self.open.pop())


class Service:
    """Stand in for an evaluation."""

    name = "evaluation"

    def __init__(self, bars: OpenBars, error: Exception | None) -> None:
        self.bars = bars
        self.error = error
        self.seen: list[str] = []

    def reads(self, config: Any) -> frozenset[str]:
        return frozenset()

    def run(self, context: Any, stage: Stage, model: Any) -> StageOutput:
        self.seen = list(self.bars.open)
        if self.error is not None:
            raise self.error
        return StageOutput(EvaluationResult(files=(FIGURE, "metrics.json"), split="test", images=3))


class Relay:
    def __getattr__(self, hook: str) -> Any:
        return lambda **_: None


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    found: list[list[Path]] = []
    monkeypatch.setattr(execute, "show_figures", found.append)
    return found


def run_stage(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    bars: OpenBars | None = None,
    error: Exception | None = None,
    display: bool = False,
) -> Service:
    service = Service(bars or OpenBars(), error)
    monkeypatch.setitem(execute.SERVICES, "e", service)
    monkeypatch.setattr(execute, "fingerprint_stage", lambda *_: "same")
    planned = PlannedStage(STAGE, "e", None, None)
    manifest = RunManifest(
        operation_mode="evaluation", use_case="classification", project_name=None, model_name=None, config={},
        config_file="", base_dir="", overrides=(), config_hash="", seed=0, created="", stages=(), versions={}, host={},
    )  # fmt: skip
    context = SimpleNamespace(
        config=SimpleNamespace(general=SimpleNamespace(display_figures=display)),
        progress=service.bars, datasets=None, seed=0, events=None, artifacts=[],
    )  # fmt: skip
    run = Run(RunLayout(folder), manifest)
    executor = Executor(Plan((planned,)), context, run, SimpleNamespace(relay=Relay()))  # type: ignore[arg-type]
    executor._run_stage(planned)
    return service


def test_stage_is_under_way_while_its_service_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: list[list[Path]]
) -> None:
    service = run_stage(monkeypatch, tmp_path)
    assert service.seen == ["Stage 1_evaluation"]
    assert service.bars.open == []
    assert shown == []


def test_failed_stage_is_not_under_way_any_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bars = OpenBars()
    with pytest.raises(DataError):
        run_stage(monkeypatch, tmp_path, bars=bars, error=DataError("No images."))
    assert bars.open == []
    assert bars.ended[-1] == "Stage 1_evaluation"


def test_figures_are_shown_on_request(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: list[list[Path]]) -> None:
    run_stage(monkeypatch, tmp_path, display=True)
    assert shown == [[tmp_path / FIGURE]]
