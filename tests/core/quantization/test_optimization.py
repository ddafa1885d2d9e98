"""`optimize` keeps the combination whose outputs are closest to the float model's, and never one that is worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from zoo_core.quantization import optimization
from zoo_core.quantization.optimization import optimize
from zoo_core.quantization.recipe import Recipe
from zoo_core.quantization.workbench import Candidate, FloatGraph

FIRST = Recipe(granularity="per_tensor", weight_type="Int8", activation_type="Int8", calibrate_method="MinMax")


class Bench:
    """Stand in for the workbench; a model says by which recipe it was made."""

    job = type("Job", (), {"calibration": None})()

    def __init__(self) -> None:
        self.made: list[Recipe] = []

    def float_graph(self, recipe: Recipe) -> FloatGraph:
        del recipe
        return FloatGraph(model=onnx.ModelProto(), path=Path("float.onnx"))

    def make(self, recipe: Recipe) -> Candidate:
        self.made.append(recipe)
        return Candidate(recipe=recipe, model=onnx.ModelProto(doc_string=recipe.key), original=onnx.ModelProto())


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that optimizes when the outputs have the ratio that a rule gives to a recipe."""

    def run(rule: Any, first: Recipe = FIRST, *, free_ranges: bool = True) -> tuple[Candidate, list[Recipe]]:
        bench = Bench()

        def ratio(model: onnx.ModelProto, reference: Any, calibration: Any) -> float:
            del reference, calibration
            return float(rule(next(recipe for recipe in bench.made if recipe.key == model.doc_string)))

        monkeypatch.setattr(optimization, "output_snr", ratio)
        return optimize(bench, first, free_ranges=free_ranges), bench.made  # type: ignore[arg-type] # stands in

    return run


def test_plain_model_stays_where_nothing_helps(choose: Any) -> None:
    chosen, _ = choose(lambda recipe: 20.0 if recipe == FIRST else 19.0)
    assert chosen.recipe == FIRST
    assert any("20.0 dB plain, 20.0 dB with" in note for note in chosen.notes)


def test_ranges_are_the_users_where_the_file_names_them(choose: Any) -> None:
    clipped, _ = choose(lambda recipe: 5.0 + (recipe.calibrate_method == "MSE") + recipe.equalize)
    assert (clipped.recipe.calibrate_method, clipped.recipe.equalize) == ("MSE", True)
    _, made = choose(lambda recipe: 5.0, free_ranges=False)
    assert {recipe.calibrate_method for recipe in made} == {"MinMax"}


def test_correction_alone_may_win_over_equalization(choose: Any) -> None:
    chosen, _ = choose(lambda recipe: recipe.correct_biases - 0.5 * recipe.equalize)
    assert chosen.recipe.correct_biases
    assert not chosen.recipe.equalize


def test_rounding_is_learned_once_on_the_best(choose: Any) -> None:
    first = Recipe(**{**FIRST.to_dict(), "learn_rounding": True})
    chosen, made = choose(lambda recipe: recipe.equalize + 3.0 * recipe.learn_rounding, first)
    assert [recipe.learn_rounding for recipe in made] == [False] * (len(made) - 1) + [True]
    assert chosen.recipe == made[-1]
    assert chosen.recipe.equalize
