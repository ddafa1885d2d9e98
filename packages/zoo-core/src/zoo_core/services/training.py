"""Own the training stage: data and model of a task into any trainer, the best weights out of it."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.artifacts import Artifact, Checkpoint, hash_file
from zoo_core.config.render import resolved_yaml
from zoo_core.config.sections import RunConfig
from zoo_core.errors import UserError
from zoo_core.protocols import TRAIN, VALIDATION, Stage, TrainJob, TrainOutcome
from zoo_core.results import TrainingResult
from zoo_core.runs.files import disk_errors, read_json, write_json, write_text
from zoo_core.runs.log import logger
from zoo_core.services.base import StageOutput
from zoo_core.services.context import RunContext
from zoo_core.services.fingerprint import section_data
from zoo_core.services.first_weights import first_model
from zoo_core.services.metadata import hash_data
from zoo_core.services.tracking import events_folder

if TYPE_CHECKING:
    from torch.nn import Module

IDENTITY = "training.json"
ARGUMENTS = "args.yaml"
SUMMARY = "summary.csv"
CURVES = "training_curves.png"
FREE_KEYS = (
    "epochs",
    "log_interval",
    "recovery_interval",
    "checkpoint_hist",
    "save_images",
    "trained_model_path",
    "log_tb",
    "log_histograms",
    "log_wandb",
)
"""Options that may differ between an interrupted training and its continuation."""


class TrainingService:
    """Train a model and hand its best weights on."""

    name: ClassVar[str] = "training"
    letter: ClassVar[str] = "t"
    needs: ClassVar[tuple[type[Artifact], ...]] = ()
    fallback: ClassVar[tuple[type[Artifact], ...]] = (Checkpoint,)
    makes: ClassVar[type[Artifact] | None] = Checkpoint
    sections: ClassVar[tuple[str, ...]] = (
        "general",
        "model",
        "dataset",
        "preprocessing",
        "data_augmentation",
        "training",
        "postprocessing",
    )

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        return frozenset({TRAIN, VALIDATION})

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Train until the last epoch or an early stop; an interrupted training goes on where it stopped."""
        section = context.config.training
        if section is None:
            raise UserError("The training section is missing.")
        files = context.selection.task.spec.files
        best, last = context.layout.saved_models / files.best, context.layout.saved_models / files.last
        resume_from = self._continuation(context, stage, best, last, model)
        if not context.follower:
            write_text(best.with_name(ARGUMENTS), resolved_yaml(context.config))
        network, notes = first_model(context, model, resume_from)
        job = TrainJob(
            model=network,
            task=context.task,
            train=context.dataset(TRAIN),
            validation=context.dataset(VALIDATION),
            training=section,
            dataset=context.config.dataset,
            seed=context.seed,
            deterministic=context.config.general.deterministic_ops,
            metadata=context.description(),
            best_path=best,
            last_path=last,
            work_dir=context.layout.stage(stage),
            resume_from=resume_from,
            progress=context.progress,
            history=files.history,
            log_dir=events_folder(context),
            report=None if context.events is None else partial(context.events.epoch, stage),
            report_histograms=None if context.events is None else partial(context.events.histograms, stage),
        )
        trainer_spec = context.require(context.selection.trainer, "training.trainer")
        started = time.monotonic()
        with context.code_of(trainer_spec, "training"):
            outcome: TrainOutcome = trainer_spec.spec.build.load()(context.config).fit(job)
        seconds = time.monotonic() - started
        outcome = replace(outcome, notes=(*notes, *outcome.notes))
        if not context.follower:
            outcome = self._finish(context, outcome, network, best, section.trained_model_path)
        artifact = Checkpoint(path=best, sha256=hash_file(best), made_by=stage.id)
        return StageOutput(self._result(context, outcome, best, last, seconds), artifact)

    def _finish(
        self, context: RunContext, outcome: TrainOutcome, model: Module, best: Path, trained_model_path: Path | None
    ) -> TrainOutcome:
        """Draw the curves, write the weights without classifier where the use case has them, and copy the best ones.

        The copy is for the next step of a training in several steps.
        """
        from zoo_core.reporting.training_curves import draw_training_curves

        files = [*outcome.files, best.with_name(ARGUMENTS)]
        if name := context.selection.task.spec.files.headless:
            from zoo_core.training.headless import save_headless

            files.append(save_headless(best, best.with_name(name), model))
        table = next((path for path in outcome.files if path.name == SUMMARY), None)
        if table is not None:
            curves = context.layout.root / CURVES
            with disk_errors(curves):
                draw_training_curves(table, curves, monitor=outcome.best_metrics[0].name, best_epoch=outcome.best_epoch)
            files += [path for path in (best.with_name(SUMMARY), curves) if path.exists()]
        if trained_model_path is not None:
            with disk_errors(trained_model_path):
                trained_model_path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(best, trained_model_path)
            logger.info("The best weights are also in %s", trained_model_path)
        return replace(outcome, files=tuple(files))

    def _continuation(
        self, context: RunContext, stage: Stage, best: Path, last: Path, model: Artifact | None
    ) -> Path | None:
        """Return the checkpoint to go on from; move away those of a training with other settings."""
        section = context.config.training
        identity_path = context.layout.stage(stage) / IDENTITY
        from zoo_core.training.history import find_history

        data: dict[str, Any] = section_data(context.config, self.sections)
        for key in FREE_KEYS:
            data.get("training", {}).pop(key, None)
        identity = {"identity": hash_data([data, context.seed, model.sha256 if model else None])}
        known = read_json(identity_path) if identity_path.exists() else None
        if known == identity and last.exists():
            logger.info("Training continues from %s", last)
            return last
        if not context.follower:
            if known is not None and known != identity:
                history = find_history(last, context.selection.task.spec.files.history)
                _set_aside(best, last, *history.values())
            write_json(identity_path, identity)
        return section.resume_training_from if section is not None else None

    def _result(
        self, context: RunContext, outcome: TrainOutcome, best: Path, last: Path, seconds: float
    ) -> TrainingResult:
        metrics = tuple(
            replace(metric, split=metric.split or VALIDATION, model="float") for metric in outcome.best_metrics
        )
        deciding = metrics[0]
        return TrainingResult(
            metrics=metrics,
            files=tuple(_relative(context, path) for path in (best, last, *outcome.files) if path.exists()),
            notes=outcome.notes,
            skipped=outcome.skipped,
            epochs=outcome.epochs,
            best_epoch=outcome.best_epoch,
            monitor=deciding.name,
            best_value=deciding.value,
            seconds=round(seconds, 3),
            stopped_early=outcome.stopped_early,
        )


def _set_aside(*paths: Path) -> None:
    for path in paths:
        if path.exists():
            old = path.with_name(f"previous_{path.name}")
            path.replace(old)
            logger.warning("The settings of the training changed: it starts anew; the old %s is now %s", path, old.name)


def _relative(context: RunContext, path: Path) -> str:
    root = context.layout.root
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
