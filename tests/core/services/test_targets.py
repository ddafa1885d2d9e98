"""A model is opened on the target that the configuration names, and what was opened is closed."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zoo_core.artifacts import Artifact, Checkpoint, FloatOnnx, OnnxModel, QuantizedOnnx
from zoo_core.errors import MissingError, PluginError, UserError
from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.plugins.guard import plugin_code
from zoo_core.protocols import Stage
from zoo_core.services.plan import Plan, PlannedStage, Source
from zoo_core.services.preflight import check_before_start
from zoo_core.services.targets import opened
from zoo_core.specs import BENCHMARK, INFER, TargetSpec

MODULE = "an_invented_board"


class Session:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Board:
    """A target that counts how often it is built."""

    def __init__(self) -> None:
        self.built, self.session = 0, Session()
        self.problems: tuple[str, ...] = ()
        self.opens: Callable[[OnnxModel], Any] = lambda _: self.session

    def build(self, _config: Any) -> Board:
        self.built += 1
        return self

    def check(self, purpose: str) -> tuple[str, ...]:
        assert purpose == INFER
        return self.problems

    def open(self, model: OnnxModel, progress: Any) -> Any:
        return self.opens(model)


class Context:
    """What the opening of a model asks of a run."""

    def __init__(self, *specs: TargetSpec, evaluation: str = "host", prediction: str = "host") -> None:
        catalog = Catalog.of(*specs, distribution="zoo-acme", version="0.3")
        self.config = SimpleNamespace(
            evaluation=SimpleNamespace(target=evaluation), prediction=SimpleNamespace(target=prediction)
        )
        self.selection = SimpleNamespace(missing=())
        self.loaded = SimpleNamespace(catalog=catalog, selection=self.selection)
        self.datasets = {}
        self.model_file = None
        self.here = Session()
        self.progress = None

    def open_session(self, _model: Artifact) -> Session:
        return self.here

    def check_model_file(self) -> None:
        pass

    @contextmanager
    def code_of(self, resolved: Any, action: str) -> Any:
        with plugin_code(resolved.distribution, resolved.version, f"{action} of {resolved.name}"):
            yield


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    found = Board()
    module = types.ModuleType(MODULE)
    module.build = found.build
    monkeypatch.setitem(sys.modules, MODULE, module)
    return found


def spec(name: str = "acme_1", **changes: Any) -> TargetSpec:
    values = {"summary": "Board.", "build": LazyRef(f"{MODULE}:build"), "abilities": frozenset({INFER}), **changes}
    return TargetSpec(name=name, **values)


def model(kind: type[Artifact] = FloatOnnx) -> Artifact:
    return kind(path=Path("net.onnx"), sha256="", made_by="user")


def plan(letters: str, kind: type[Artifact] = FloatOnnx) -> Plan:
    names = {"e": "evaluation", "p": "prediction", "b": "benchmarking"}
    return Plan(
        tuple(
            PlannedStage(Stage(index, names[letter]), letter, Source(kind, "user"), None)
            for index, letter in enumerate(letters, start=1)
        )
    )


# ---------------------------------------------------------------- opening


def test_this_machine_computes_every_kind_of_model() -> None:
    for kind in (Checkpoint, FloatOnnx, QuantizedOnnx):
        context = Context()
        with opened(context, "host", model(kind)) as session:
            assert session is context.here
            assert not session.closed
        assert session.closed == 1


def test_a_session_on_a_target_is_closed_also_when_the_work_fails(board: Board) -> None:
    with opened(Context(spec()), "acme_1", model()) as session:
        assert session is board.session
        assert not session.closed
    assert board.session.closed == 1
    with pytest.raises(ZeroDivisionError), opened(Context(spec()), "acme_1", model()):
        raise ZeroDivisionError
    assert board.session.closed == 2


def test_a_session_without_a_close_needs_none(board: Board) -> None:
    session = SimpleNamespace()
    board.opens = lambda _: session
    with opened(Context(spec()), "acme_1", model()) as found:
        assert found is session


def test_a_failure_in_a_target_is_told_under_its_plugin(board: Board) -> None:
    def fail(_model: OnnxModel) -> None:
        msg = "the cable is loose"
        raise OSError(msg)

    board.opens = fail
    expected = r"zoo-acme 0\.3 failed in opening a model of acme_1: OSError: the cable is loose"
    with pytest.raises(PluginError, match=expected), opened(Context(spec()), "acme_1", model()):
        pass


@pytest.mark.parametrize(
    ("accepts", "kind", "message"),
    [
        ((OnnxModel,), Checkpoint, 'Target "acme_1" takes an ONNX model, not torch weights'),
        ((QuantizedOnnx,), FloatOnnx, 'Target "acme_1" takes a quantized ONNX model, not a float ONNX model'),
    ],
)
def test_a_model_that_the_target_does_not_take_is_refused(
    board: Board, accepts: Any, kind: type[Artifact], message: str
) -> None:
    context = Context(spec(accepts=accepts), evaluation="acme_1", prediction="acme_1")
    with pytest.raises(UserError, match=message), opened(context, "acme_1", model(kind)):
        pass
    for letter in "ep":
        with pytest.raises(UserError, match=message):
            check_before_start(context, plan(letter, kind))
    assert not board.built


# ---------------------------------------------------------------- before a run starts


@pytest.mark.parametrize("letters", ["e", "p", "ep", "eep"])
def test_a_target_that_is_not_ready_is_told_before_the_run(board: Board, letters: str) -> None:
    board.problems = ("no board is connected",)
    context = Context(spec(), evaluation="acme_1", prediction="acme_1")
    with pytest.raises(MissingError, match=r'Target "acme_1" is not ready:\n  no board is connected'):
        check_before_start(context, plan(letters))


@pytest.mark.parametrize(("letters", "key"), [("e", "prediction"), ("p", "evaluation"), ("ep", "")])
def test_targets_that_no_stage_uses_are_not_asked(board: Board, letters: str, key: str) -> None:
    board.problems = ("no board is connected",)
    check_before_start(Context(spec(), **({key: "acme_1"} if key else {})), plan(letters))
    assert not board.built


def test_one_target_is_built_once_whatever_it_is_called(board: Board) -> None:
    specs = (spec(aliases=("ACME-1",)), spec("acme_2"))
    check_before_start(Context(*specs, evaluation="acme_1", prediction="ACME-1"), plan("epe"))
    assert board.built == 1
    check_before_start(Context(*specs, evaluation="acme_1", prediction="acme_2"), plan("ep"))
    assert board.built == 3


def test_a_target_that_cannot_compute_is_refused(board: Board) -> None:
    context = Context(spec(abilities=frozenset({BENCHMARK})), prediction="acme_1")
    with pytest.raises(UserError, match='Target "acme_1" cannot infer; it can benchmark'):
        check_before_start(context, plan("p"))
    assert not board.built
