"""Own the climb: plain first, then dearer recipes, each measured, until the metric stays within the budget."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import onnx

from zoo_core.errors import UserError
from zoo_core.export.onnx_file import load_onnx
from zoo_core.protocols import Judge, QuantizationJob
from zoo_core.quantization.ladder.acceptance import refusal
from zoo_core.quantization.ladder.record import LadderRecord, Rung
from zoo_core.quantization.ladder.sizes import narrow_needed, weight_bytes, weights_by_size
from zoo_core.quantization.ladder.worst_layers import rank_layers
from zoo_core.quantization.recipe import NARROW_TYPES, WIDE_TYPES, Recipe
from zoo_core.quantization.workbench import Candidate, Workbench
from zoo_core.results import MetricValue
from zoo_core.runs.log import logger

WORST = (1, 2, 4, 8)
"""Numbers of layers that are given more precision, one rung each."""
PLAIN_STEPS = 6
"""Rungs that are always tried."""
ROOM = 1e-9
"""Rounding of the metrics themselves."""


@dataclass(frozen=True, slots=True)
class Step:
    """Name a rung and what it changes, in the best recipe so far or in the first."""

    name: str
    changes: Mapping[str, Any]
    from_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """Hold the rung that a climb ended on, and how it got there."""

    chosen: Rung
    model: onnx.ModelProto
    rungs: tuple[Rung, ...]
    float_metric: MetricValue
    budget: float
    skipped: tuple[str, ...]
    """Rungs that the target does not take, with the reason."""

    @property
    def met(self) -> bool:
        """Tell whether the chosen model stays within the budget."""
        return self.chosen.drop <= self.budget + ROOM


def climb(
    workbench: Workbench, first: Recipe, *, budget: float, size_factor: float | None, identity: str, fixed: bool
) -> Ascent:
    """Measure recipe after recipe and return the first within the budget, or the best of all.

    Args:
        workbench: Makes the models.
        first: What the file asks for; the plainest rung.
        budget: Points of the metric that may be lost.
        size_factor: Share of the bytes of 8-bit weights that the weights may take; 4 bits are tried to get there.
        identity: Hash of all that the rungs depend on; an interrupted climb of the same identity is gone on with.
        fixed: Whether the user chose the granularity, so that no other is tried.

    Raises:
        UserError: When there are no labelled images to measure on.
    """
    return _Climb(workbench, first, budget, size_factor, identity, fixed=fixed).run()


@dataclass(slots=True)
class _Climb:
    workbench: Workbench
    first: Recipe
    budget: float
    size_factor: float | None
    identity: str
    fixed: bool = field(kw_only=True)
    record: LadderRecord = field(init=False)
    judge: Judge = field(init=False)
    float_metric: MetricValue = field(init=False)
    skipped: list[str] = field(init=False)

    def __post_init__(self) -> None:
        judge = self.job.judge
        if judge is None:
            raise UserError(
                "quantization.operating_mode: full_auto measures every candidate, and there are no labelled images "
                "besides those of the calibration.",
                hint="Set dataset.validation_path, dataset.test_path or dataset.training_path.",
            )
        self.judge = judge
        self.record = LadderRecord(self.job.work_dir, self.identity)
        self.skipped = []

    @property
    def job(self) -> QuantizationJob:
        return self.workbench.job

    def run(self) -> Ascent:
        self.record.load()
        self.float_metric = self._float_metric()
        unit = self.float_metric.unit
        logger.info(
            "Ladder: %s of the float model %.2f%s on %d %s images; budget %.2f.",
            self.float_metric.name, self.float_metric.value, f" {unit}" if unit else "", len(self.judge),
            self.judge.split, self.budget,
        )  # fmt: skip
        best = self._best()
        if best is None:
            raise UserError(
                "No rung of the ladder is accepted by the target: " + " ".join(self.skipped),
                hint="Choose other types in quantization.onnx_quant_parameters, or another board.",
            )
        chosen = self._compressed(best) if self.size_factor is not None and self._met(best) else best
        model = self._model(chosen.recipe)
        self.record.finish(chosen)
        return Ascent(
            chosen=chosen,
            model=model,
            rungs=tuple(self.record.rungs),
            float_metric=self.float_metric,
            budget=self.budget,
            skipped=tuple(self.skipped),
        )

    def _best(self) -> Rung | None:
        """Go up rung by rung until the budget is met."""
        best: Rung | None = None
        with self.job.progress.track("Ladder", self._most_steps()) as bar:
            for step in self._steps():
                base = self.first if best is None or step.from_first else best.recipe
                best = self._better(best, self._measured(step.name, replace(base, **step.changes)))
                if self._met(best):
                    break
                shown = {} if best is None else {self.float_metric.name: best.value, "drop": best.drop}
                bar.advance(1, **shown)
        return best

    def _float_metric(self) -> MetricValue:
        known = self.record.facts.get("float_metric")
        if known is not None:
            return MetricValue(**known)
        metric = self.judge.measure(self.job.model, "Evaluating the float model")
        self.record.facts["float_metric"] = {
            "name": metric.name, "value": metric.value, "unit": metric.unit,
            "higher_is_better": metric.higher_is_better, "split": metric.split, "model": "float",
        }  # fmt: skip
        return replace(metric, model="float")

    def _steps(self) -> Iterator[Step]:
        """Yield the rungs from cheap to dear."""
        yield Step("plain", {}, from_first=True)
        for method in ("MSE", "Percentile"):
            yield Step(f"{method} ranges", {"calibrate_method": method}, from_first=True)
        yield Step("bias correction", {"correct_biases": True})
        yield Step("equalization and bias correction", {"equalize": True, "correct_biases": True})
        if self.first.granularity == "per_tensor" and not self.fixed:
            yield Step("per channel", {"granularity": "per_channel"})
        yield Step("learned rounding", {"learn_rounding": True})
        yield from self._worst_layers()

    def _most_steps(self) -> int:
        channels = self.first.granularity == "per_tensor" and not self.fixed
        return PLAIN_STEPS + channels + 2 * len(WORST) * (self.first.activation_type in WIDE_TYPES)

    def _worst_layers(self) -> Iterator[Step]:
        """Yield rungs that give the worst layers 16 bits, or leave them in float where the target lets it."""
        best = min(self.record.rungs, key=lambda rung: rung.drop, default=None)
        if best is None or best.recipe.activation_type not in WIDE_TYPES:
            return
        layers = rank_layers(self._candidate(best.recipe), self.job)
        for count in (count for count in WORST if count <= len(layers)):
            text = f"{count} worst layer{'s' if count > 1 else ''}"
            yield Step(f"{text} in 16 bits", {"wide_nodes": layers[:count], "float_nodes": ()})
            yield Step(f"{text} in float", {"wide_nodes": (), "float_nodes": layers[:count]})

    def _measured(self, name: str, recipe: Recipe) -> Rung | None:
        """Make and measure a model; nothing when the target does not take it or it was measured already."""
        reason = refusal(recipe, self.job.limits)
        if reason is not None:
            self.skipped.append(f"{name}: {reason}")
            logger.info("Ladder: %s is left out: %s", name, reason)
            return None
        if any(rung.recipe == recipe for rung in self.record.rungs):
            return None
        logger.info("Ladder, rung %d: %s", len(self.record.rungs) + 1, name)
        rung = self.record.known(name, recipe) or self._made(name, recipe)
        self.record.add(rung)
        logger.info(
            "Ladder, rung %d, %s: %s %.2f, drop %.2f, %.0f s", len(self.record.rungs), name, self.float_metric.name,
            rung.value, rung.drop, rung.seconds,
        )  # fmt: skip
        return rung

    def _made(self, name: str, recipe: Recipe) -> Rung:
        started = time.monotonic()
        candidate = self.workbench.make(recipe)
        path = self.record.save_model(recipe, candidate.model)
        metric = self.judge.measure(path, f"Evaluating: {name}")
        sign = 1.0 if metric.higher_is_better else -1.0
        return Rung(
            name=name,
            recipe=recipe,
            value=metric.value,
            drop=sign * (self.float_metric.value - metric.value),
            seconds=time.monotonic() - started,
            weight_bytes=weight_bytes(candidate.model),
            notes=candidate.notes,
        )

    def _compressed(self, best: Rung) -> Rung:
        """Give as many weights 4 bits as the size asks for and the budget allows, by halving steps."""
        if self.size_factor is None or best.recipe.weight_type not in NARROW_TYPES:
            return best
        weights = weights_by_size(self.workbench.float_graph(best.recipe).model)
        count = high = narrow_needed([size for _, size in weights], best.weight_bytes, self.size_factor)
        chosen, low = best, 0
        while low < high:
            names = tuple(name for name, _ in weights[:count])
            recipe = replace(best.recipe, narrow_weights=names)
            rung = self._measured(f"{count} of {len(weights)} weights in 4 bits", recipe)
            if rung is None:
                break
            if self._met(rung):
                chosen, low = rung, count
            else:
                high = count - 1
            count = (low + high + 1) // 2
        return chosen

    def _better(self, best: Rung | None, rung: Rung | None) -> Rung | None:
        return best if rung is None or (best is not None and best.drop <= rung.drop) else rung

    def _met(self, rung: Rung | None) -> bool:
        return rung is not None and rung.drop <= self.budget + ROOM

    def _model(self, recipe: Recipe) -> onnx.ModelProto:
        path = self.record.model_path(recipe)
        return load_onnx(path) if path.is_file() else self.workbench.make(recipe).model

    def _candidate(self, recipe: Recipe) -> Candidate:
        base = self.workbench.float_graph(recipe)
        return Candidate(recipe=recipe, model=self._model(recipe), original=base.model)
