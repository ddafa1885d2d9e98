"""Evaluation and prediction compute on the target that the configuration names."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoo_core.cli._progress import open_progress
from zoo_core.errors import MissingError, UserError
from zoo_core.inference.session import OnnxSession
from zoo_core.lazy import LazyRef
from zoo_core.plugins import Catalog, Resolved, get_catalog
from zoo_core.services.run import run_file
from zoo_core.specs import INFER, TargetSpec

MODULE = "an_invented_backwards_board"
CONFIG = """\
operation_mode: MODE
model: {model_path: MODEL}
dataset:
  dataset_name: custom
  test_path: DATA/test
  prediction_path: DATA/test/3
  workers: 0
evaluation: {target: host}
prediction: {target: host, batch_size: 2}
hydra: {run: {dir: RUN_DIR}}
"""


class Backwards:
    """A session whose outputs nobody would take for those of the host: the signs are turned."""

    def __init__(self, path: Path, fails_after: int | None) -> None:
        self._session = OnnxSession(path)
        self.input = self._session.input
        self.fails_after = fails_after
        self.batches, self.closed = 0, 0

    def run(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        assert not self.closed
        self.batches += 1
        if self.fails_after is not None and self.batches > self.fails_after:
            msg = "the board does not answer any more"
            raise UserError(msg)
        return tuple(-output for output in self._session.run(images))

    def close(self) -> None:
        self.closed += 1


class Board:
    """A target, and what was done with it."""

    def __init__(self) -> None:
        self.problems: tuple[str, ...] = ()
        self.fails_after: int | None = None
        self.sessions: list[Backwards] = []
        self.checks = 0

    def check(self, purpose: str) -> tuple[str, ...]:
        assert purpose == INFER
        self.checks += 1
        return self.problems

    def open(self, model: Any, progress: Any) -> Backwards:
        self.sessions.append(Backwards(model.path, self.fails_after))
        return self.sessions[-1]


@pytest.fixture
def board(monkeypatch):
    found = Board()
    module = types.ModuleType(MODULE)
    module.build = lambda _config: found
    monkeypatch.setitem(sys.modules, MODULE, module)
    return found


@pytest.fixture
def start(tmp_path, finished, digit_folders, chains):
    """Run a mode on the model of the finished chain, with a catalogue that knows the invented board."""
    spec = TargetSpec(
        name="backwards",
        summary="Turns the signs.",
        build=LazyRef(f"{MODULE}:build"),
        abilities=frozenset({INFER}),
    )
    kinds = ("tasks", "models", "datasets", "trainers", "quantizers", "targets")
    entries = [entry for kind in kinds for entry in get_catalog().registry(kind)]
    invented = Resolved(spec=spec, distribution="zoo-acme", version="1", name=spec.name)
    catalog = Catalog.assemble([*entries, invented])

    def start_mode(mode, *overrides, model="saved_models/resnet8/resnet8.onnx"):
        text = CONFIG.replace("MODE\n", f"{mode}\n").replace("DATA", str(digit_folders))
        path = chains.write(tmp_path, text.replace("MODEL", str(finished.run_dir / model)))
        with open_progress() as progress:
            return run_file(path, overrides, catalog=catalog, progress=progress)

    return start_mode


def labels(summary) -> dict[str, str]:
    data = json.loads((summary.run_dir / "predictions.json").read_text())
    return {entry["image"]: entry["label"] for entry in data["predictions"]}


def test_predictions_are_those_of_the_target(start, board, tmp_path):
    here = labels(start("prediction", f"hydra.run.dir={tmp_path / 'here'}"))
    there = labels(start("prediction", "prediction.target=backwards"))
    assert here.keys() == there.keys()
    assert sum(label == "3" for label in here.values()) >= 3
    assert "3" not in there.values()
    (session,) = board.sessions
    assert session.batches == 3  # five images, two at a time
    assert session.closed == 1


def test_the_metric_is_that_of_the_target(start, board):
    row = next(row for row in start("evaluation", "evaluation.target=backwards").rows if row.name == "top1")
    assert row.float_value < 10
    assert [session.closed for session in board.sessions] == [1]


@pytest.mark.parametrize("mode", ["prediction", "evaluation"])
def test_a_session_is_closed_when_the_target_fails(start, board, mode):
    board.fails_after = 0
    with pytest.raises(UserError, match="does not answer any more"):
        start(mode, f"{mode}.target=backwards")
    assert [(session.batches, session.closed) for session in board.sessions] == [(1, 1)]


def test_a_session_is_closed_when_a_picture_cannot_be_drawn(start, board, monkeypatch):
    def refuse(*_):
        msg = "no pencil"
        raise UserError(msg)

    monkeypatch.setattr("zoo_core.services.prediction._save_picture", refuse)
    with pytest.raises(UserError, match="no pencil"):
        start("prediction", "prediction.target=backwards")
    assert [session.closed for session in board.sessions] == [1]


@pytest.mark.parametrize("mode", ["prediction", "evaluation"])
def test_a_target_that_is_not_ready_is_refused_before_anything_is_created(start, board, tmp_path, mode):
    board.problems = ("the board is not connected",)
    with pytest.raises(MissingError, match=r'"backwards" is not ready:\n  the board is not connected'):
        start(mode, f"{mode}.target=backwards")
    assert not (tmp_path / "run").exists()
    assert not board.sessions


def test_a_target_that_is_not_used_is_not_asked(start, board):
    board.problems = ("the board is not connected",)
    start("evaluation", "prediction.target=backwards")
    assert not board.checks


def test_weights_are_refused_for_a_target_before_anything_is_created(start, board, tmp_path):
    with pytest.raises(UserError, match='"backwards" takes an ONNX model, not torch weights'):
        start(
            "prediction",
            "prediction.target=backwards",
            "+model.model_name=resnet8",
            model="saved_models/model_best.pth.tar",
        )
    assert not (tmp_path / "run").exists()
