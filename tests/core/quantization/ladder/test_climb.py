"""The ladder tries from cheap to dear, stops at the first model within the budget, and goes on when interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_core import MetricValue, QuantizationJob, QuantizationLimits, UserError
from zoo_core.quantization.ladder import climb as climbing
from zoo_core.quantization.ladder.climb import Ascent, climb
from zoo_core.quantization.ladder.sizes import narrow_needed, weight_bytes
from zoo_core.quantization.recipe import Recipe
from zoo_core.quantization.workbench import Candidate, FloatGraph

FLOAT_VALUE = 90.0
FIRST = Recipe(granularity="per_tensor", weight_type="Int8", activation_type="Int8", calibrate_method="MinMax")
WEIGHTS = {"large": 64, "middle": 32, "small": 16}
LAYERS = ("noisy", "second", "third")
USUAL = ["plain", "MSE ranges", "Percentile ranges", "bias correction", "equalization and bias correction",
         "per channel", "learned rounding"]  # fmt: skip


def graph(value: float, narrow: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return a graph of three layers that carries the metric it will be given."""
    tensors = [
        helper.make_tensor(name, TensorProto.INT4, [count], [0] * count)
        if name in narrow
        else numpy_helper.from_array(np.zeros(count, np.int8), name)
        for name, count in WEIGHTS.items()
    ]
    nodes = [helper.make_node("Conv", ["x", name], [f"y_{name}"], name=name) for name in WEIGHTS]
    made = helper.make_graph(nodes, "g", [], [], tensors)
    return helper.make_model(made, doc_string=str(value))


class Bench:
    """Stand in for the workbench: a model's metric follows from its recipe by a rule of the test."""

    def __init__(self, job: QuantizationJob, rule: Callable[[Recipe], float]) -> None:
        self.job = job
        self.made: list[Recipe] = []
        self._rule = rule

    def make(self, recipe: Recipe) -> Candidate:
        self.made.append(recipe)
        model = graph(self._rule(recipe), recipe.narrow_weights)
        return Candidate(recipe=recipe, model=model, original=graph(FLOAT_VALUE))

    def float_graph(self, recipe: Recipe) -> FloatGraph:
        del recipe
        return FloatGraph(model=graph(FLOAT_VALUE), path=Path("float.onnx"))


class ReadingJudge:
    """Read the metric that a model carries; fail on a measurement when told to."""

    split = "validation"

    def __init__(self, *, higher: bool = True, fail_at: int | None = None) -> None:
        self.titles: list[str] = []
        self._higher = higher
        self._fail_at = fail_at

    def __len__(self) -> int:
        return 50

    def measure(self, model: Path, title: str, *, images: int | None = None) -> MetricValue:
        del images
        if len(self.titles) == self._fail_at:
            raise KeyboardInterrupt
        self.titles.append(title)
        value = float(onnx.load(str(model)).doc_string)
        return MetricValue(name="top1", value=value, unit="%", higher_is_better=self._higher, split=self.split)


class Bars:
    """Note what is shown of the climb."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.shown: list[dict[str, float]] = []

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Any]:
        assert description == "Ladder"
        self.total = total
        yield self

    def advance(self, steps: int = 1, **values: float) -> None:
        self.shown.append(values)


@pytest.fixture(autouse=True)
def _ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(climbing, "rank_layers", lambda candidate, job: LAYERS)


@pytest.fixture
def ascend(tmp_path: Path) -> Callable[..., tuple[Ascent, Bench]]:
    def run(
        rule: Callable[[Recipe], float],
        *,
        judge: ReadingJudge | None = None,
        limits: QuantizationLimits | None = None,
        first: Recipe = FIRST,
        budget: float = 1.0,
        size_factor: float | None = None,
        identity: str = "same",
        fixed: bool = False,
    ) -> tuple[Ascent, Bench]:
        model = tmp_path / "float.onnx"
        onnx.save(graph(FLOAT_VALUE), str(model))
        job = QuantizationJob(
            model=model,
            calibration=[],  # type: ignore[arg-type] # the bench calibrates nothing
            directory=tmp_path,
            work_dir=tmp_path / "work",
            progress=Bars(),
            limits=limits or QuantizationLimits(),
            judge=judge or ReadingJudge(),
        )
        bench = Bench(job, rule)
        found = climb(
            bench,  # type: ignore[arg-type] # stands in
            first, budget=budget, size_factor=size_factor, identity=identity, fixed=fixed,
        )  # fmt: skip
        return found, bench

    return run


def names(ascent: Ascent) -> list[str]:
    return [rung.name for rung in ascent.rungs]


def test_stops_at_the_first_rung_within_the_budget(ascend: Any) -> None:
    plain, bench = ascend(lambda recipe: 89.0)
    assert names(plain) == ["plain"]
    assert plain.met
    assert bench.made == [FIRST]
    later, _ = ascend(lambda recipe: 89.5 if recipe.equalize else 70.0, identity="other")
    assert names(later) == USUAL[:5]
    assert later.chosen.drop == pytest.approx(0.5)
    assert onnx.load_from_string(later.model.SerializeToString()).doc_string == "89.5"


def test_climbs_on_the_best_so_far(ascend: Any) -> None:
    """Ranges of the best rung are kept when equalization is added to it."""
    values = {"MinMax": 70.0, "MSE": 75.0, "Percentile": 72.0}
    ascent, bench = ascend(lambda recipe: values[recipe.calibrate_method])
    assert names(ascent)[:7] == USUAL
    assert [recipe.calibrate_method for recipe in bench.made[3:]] == ["MSE"] * (len(bench.made) - 3)
    assert not ascent.met
    assert ascent.chosen.name == "MSE ranges"
    assert ascent.chosen.drop == pytest.approx(15.0)


def test_shows_how_many_rungs_there_are_and_the_best_so_far(ascend: Any) -> None:
    values = iter([70.0, 80.0, 75.0, 89.5])
    _, bench = ascend(lambda recipe: next(values))
    bars = bench.job.progress
    assert bars.total == len(USUAL) + 2 * 4  # and 1, 2, 4 or 8 worst layers, in 16 bits and in float
    assert bars.shown == [{"top1": 70.0, "drop": 20.0}, {"top1": 80.0, "drop": 10.0}, {"top1": 80.0, "drop": 10.0}]


def test_worst_layers_get_16_bits_then_float(ascend: Any) -> None:
    def rule(recipe: Recipe) -> float:
        return 89.9 if recipe.float_nodes == ("noisy", "second") else 80.0

    ascent, _ = ascend(rule)
    tail = names(ascent)[len(USUAL) :]
    assert tail == ["1 worst layer in 16 bits", "1 worst layer in float", "2 worst layers in 16 bits",
                    "2 worst layers in float"]  # fmt: skip
    assert ascent.met
    assert ascent.chosen.recipe.wide_nodes == ()


def test_what_the_target_does_not_take_is_left_out_and_named(ascend: Any) -> None:
    limits = QuantizationLimits(
        weight_types=frozenset({"Int8"}), activation_types=frozenset({"Int8"}), float_operators=False,
        granularities=("per_tensor",),
    )  # fmt: skip
    ascent, bench = ascend(lambda recipe: 50.0, limits=limits, size_factor=0.5)
    assert names(ascent) == [name for name in USUAL if name != "per channel"]
    assert not any(recipe.wide_nodes or recipe.float_nodes or recipe.narrow_weights for recipe in bench.made)
    skipped = " ".join(ascent.skipped)
    assert "per channel: the target does not take per_channel" in skipped
    assert "1 worst layer in 16 bits: the target does not take activations of Int16" in skipped
    assert "1 worst layer in float: the target does not take layers in float" in skipped


def test_a_target_that_takes_nothing_is_an_error(ascend: Any) -> None:
    with pytest.raises(UserError, match=r"No rung .*weights of Int8"):
        ascend(lambda recipe: 90.0, limits=QuantizationLimits(weight_types=frozenset()))


def test_granularity_of_the_user_stays(ascend: Any) -> None:
    ascent, bench = ascend(lambda recipe: 50.0, fixed=True)
    assert "per channel" not in names(ascent)
    assert {recipe.granularity for recipe in bench.made} == {"per_tensor"}


def test_smaller_is_better_for_some_metrics(ascend: Any) -> None:
    ascent, _ = ascend(lambda recipe: 90.4 if recipe.equalize else 95.0, judge=ReadingJudge(higher=False))
    assert ascent.chosen.name == USUAL[4]
    assert ascent.chosen.drop == pytest.approx(0.4)


def test_interrupted_climb_goes_on_where_it_stopped(ascend: Any) -> None:
    def rule(recipe: Recipe) -> float:
        return 89.8 if recipe.learn_rounding else 60.0 + recipe.equalize

    with pytest.raises(KeyboardInterrupt):
        ascend(rule, judge=ReadingJudge(fail_at=4))  # float, plain, MSE, Percentile are measured
    resumed, bench = ascend(rule)
    assert [recipe.equalize for recipe in bench.made] == [False, True, True, True]
    assert names(resumed) == USUAL
    fresh, other = ascend(rule, identity="another model")
    assert len(other.made) == len(USUAL)
    assert [(rung.name, rung.value, rung.recipe) for rung in resumed.rungs] == [
        (rung.name, rung.value, rung.recipe) for rung in fresh.rungs
    ]


def test_compression_halves_as_many_weights_as_the_size_asks(ascend: Any) -> None:
    ascent, _ = ascend(lambda recipe: 89.9, size_factor=0.72)  # 112 bytes: 32 saved by the large one are enough
    assert ascent.chosen.recipe.narrow_weights == ("large",)
    assert weight_bytes(ascent.model) == 80


def test_compression_stays_within_the_budget(ascend: Any) -> None:
    def rule(recipe: Recipe) -> float:
        return {0: 90.0, 1: 89.6, 2: 89.2, 3: 80.0}[len(recipe.narrow_weights)]

    ascent, _ = ascend(rule, size_factor=0.5)
    assert ascent.chosen.recipe.narrow_weights == ("large", "middle")
    none, _ = ascend(lambda recipe: 80.0 if recipe.narrow_weights else 90.0, size_factor=0.5, identity="other")
    assert none.chosen.recipe.narrow_weights == ()
    assert none.met


@pytest.mark.parametrize(
    ("factor", "count"),
    [(1.0, 0), (0.72, 1), (0.71, 2), (0.5, 3), (0.1, 3)],  # of 64 + 32 + 16 bytes
)
def test_number_of_weights_that_must_shrink(factor: float, count: int) -> None:
    assert narrow_needed([64, 32, 16], 112, factor) == count


def test_two_numbers_of_4_bits_share_a_byte() -> None:
    assert weight_bytes(graph(0.0)) == 112
    assert weight_bytes(graph(0.0, ("large", "small"))) == 32 + 32 + 8


def test_images_to_measure_on_are_needed(ascend: Any, tmp_path: Path) -> None:
    job = QuantizationJob(
        model=tmp_path / "m.onnx", calibration=[], directory=tmp_path, work_dir=tmp_path, progress=Bars()  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(UserError, match="no labelled images"):
        climb(Bench(job, lambda recipe: 0.0), FIRST, budget=1.0, size_factor=None, identity="", fixed=False)  # type: ignore[arg-type]
