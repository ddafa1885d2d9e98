"""Own the building of one training from a job: model, loaders, rules, Lightning; and its outcome."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from math import ceil, lcm
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy

from zoo_core.config.training_rules import rate_callback
from zoo_core.data.loader import EvalLoader, TrainLoader, eval_loader, train_loader
from zoo_core.data.seeding import derive_seed, seed_everything
from zoo_core.errors import UserError
from zoo_core.protocols import TrainJob, TrainOutcome
from zoo_core.results import MetricValue
from zoo_core.training.board import EpochBoard
from zoo_core.training.checkpoint_io import SafeCheckpointIO
from zoo_core.training.hardware import Hardware
from zoo_core.training.keeper import TRAIN_BATCHES, EpochKeeper, Rules
from zoo_core.training.layers import prepare_layers
from zoo_core.training.learner import Learner
from zoo_core.training.mirror import require_mirroring
from zoo_core.training.monitor import LOSS, TRAIN_LOSS, EarlyStopping, find_metric, is_higher_better, plain_name
from zoo_core.training.optimizer import learning_rate
from zoo_core.training.processes import LocalEnvironment
from zoo_core.training.record import EVENTS, SUMMARY, TrainingRecord
from zoo_core.training.resume import (
    DECIDING,
    differences,
    facts_of,
    read_resumed,
    refuse_changes,
    refuse_other_loss,
    settle_best,
)
from zoo_core.training.schedule import LearningRate, build_rate
from zoo_core.training.sizes import refuse_sizes
from zoo_core.training.validation import loss_metric, rehearse

log = logging.getLogger("zoo")

MOST_SHEETS = 8
"""Pictures of training batches among the files that a training names."""


class Session:
    """Carry one process through a training."""

    def __init__(
        self, job: TrainJob, hardware: Hardware, *, world: int, rank: int, notes: tuple[str, ...] = ()
    ) -> None:
        self._job = job
        self._hardware = hardware
        self._world = world
        self._rank = rank
        self._notes: list[str] = []
        for note in notes:
            self._note(note)
        training = job.training
        if training.tta:
            require_mirroring(job.task, "training.tta")
        seed_everything(derive_seed(job.seed, rank))
        self._mix = job.task.batch_transform()
        splits = int(getattr(job.task, "augmentation_splits", 0))
        self._frozen = prepare_layers(job.model, training, splits)
        self._multiple = lcm(2 if self._mix else 1, max(splits, 2) if training.split_bn else 1)
        self._resumed = None if job.resume_from is None else read_resumed(job.resume_from, job)
        self._criterion = job.task.criterion()
        if self._resumed is not None:
            refuse_other_loss(self._resumed, self._criterion)
        self._measured, self._monitor = self._find_metrics()
        refuse_sizes(job.model, job.task)
        self._rate = learning_rate(training, world)

    def train(self, environment: LocalEnvironment | None) -> TrainOutcome:
        """Train what is left to train and say what came out."""
        loader = self._train_loader()
        validation = self._validation_loader()
        try:
            rules = self._rules(loader)
            record = TrainingRecord() if self._resumed is None else self._resumed.record
            self._compare(rules.facts, record)
            if self._is_done(record, rules.epochs):
                return self._finished(record)
            keeper = EpochKeeper(self._job, validation, rules, record, board=self._board(record), resumed=self._resumed)
            self._fit(keeper, loader, rules.epochs, environment)
            return self._outcome(keeper.record, keeper.notes)
        finally:
            loader.close()
            validation.close()

    def _board(self, record: TrainingRecord) -> EpochBoard | None:
        """Return what hands the epochs to the run, told of those before already; only the first process has it."""
        job = self._job
        if job.report is None or self._rank != 0:
            return None
        board = EpochBoard(job.report, job.report_histograms, every=job.training.log_histograms)
        for row in record.rows:
            board.write(row)
        return board

    def _train_loader(self) -> TrainLoader:
        job = self._job
        return train_loader(
            job.train,
            job.task,
            job.training,
            job.dataset,
            job.seed,
            rank=self._rank,
            world=self._world,
            multiple=self._multiple,
            pin_memory=self._pin_memory,
        )

    def _validation_loader(self) -> EvalLoader:
        job = self._job
        return eval_loader(
            job.validation,
            job.task.preprocessing,
            job.task.collate_targets,
            job.training.validation_batch_size or job.training.batch_size,
            job.dataset.workers,
            rank=self._rank,
            world=self._world,
            pin_memory=self._pin_memory,
        )

    @property
    def _pin_memory(self) -> bool:
        return bool(self._job.dataset.pin_mem) and self._hardware.accelerator == "gpu"

    def _find_metrics(self) -> tuple[dict[str, MetricValue], MetricValue]:
        """Return what will be measured, by name, and the metric that decides about the best weights.

        The names of the task's metrics are asked for only where the user names one that is not known without.
        """
        job = self._job
        evaluator = rehearse(job.model, self._criterion, job.validation, job.task)
        default = job.task.monitor()
        train_loss = MetricValue(name=TRAIN_LOSS, value=0.0, higher_is_better=False)
        measured = {default.name: default, LOSS: loss_metric(0.0), TRAIN_LOSS: train_loss}
        callbacks = job.training.callbacks
        sections = (callbacks.EarlyStopping, callbacks.ReduceLROnPlateau)
        wanted, key = self._wanted_monitor()
        asked = [wanted, *(section.monitor for section in sections if section is not None)]
        if any(name is not None and name not in measured and plain_name(name) not in measured for name in asked):
            measured = {metric.name: metric for metric in evaluator.compute()} | measured
            measured = self._with_synonyms(measured, [name for name in asked if name is not None])
        monitor = default if wanted is None else find_metric(wanted, measured, key)
        return measured, monitor

    def _with_synonyms(self, measured: dict[str, MetricValue], asked: list[str]) -> dict[str, MetricValue]:
        """Add the names under which users know metrics of the task, and say which of them are used."""
        synonyms: Mapping[str, str] = getattr(self._job.task, "metric_synonyms", {})
        useful = {name: known for name, known in synonyms.items() if known in measured and name not in measured}
        meant = {name: measured[known] for name, known in useful.items()}
        for name in asked:
            if plain_name(name) in meant:
                self._note(f"{name} is taken to be {meant[plain_name(name)].name}.")
        return meant | measured

    def _wanted_monitor(self) -> tuple[str | None, str]:
        """Return the metric that the user wants to decide, and the key it was given under."""
        training = self._job.training
        checkpoint = training.callbacks.ModelCheckpoint
        if training.eval_metric is None and checkpoint is not None:
            return checkpoint.monitor, "training.callbacks.ModelCheckpoint.monitor"
        return training.eval_metric, "training.eval_metric"

    def _rules(self, loader: TrainLoader) -> Rules:
        section = self._job.training.callbacks.EarlyStopping
        early = None
        if section is not None:
            asked = section.monitor
            metric = (
                self._monitor
                if asked is None
                else find_metric(asked, self._measured, "training.callbacks.EarlyStopping.monitor")
            )
            early = EarlyStopping(section, metric.name, is_higher_better(metric, section.mode))
            if self._resumed is not None and self._resumed.early is not None:
                early.restore(self._resumed.early)
        parameter = torch.nn.Parameter(torch.zeros(1))
        epochs = self._build_rate(loader, torch.optim.SGD([parameter], lr=self._rate)).epochs
        if epochs != self._job.training.epochs:
            self._note(f"The learning-rate schedule makes {epochs} epochs of {self._job.training.epochs}.")
        checkpoint = self._job.training.callbacks.ModelCheckpoint
        higher = is_higher_better(self._monitor, "auto" if checkpoint is None else checkpoint.mode)
        return Rules(
            monitor=self._monitor,
            higher=higher,
            early=early,
            epochs=epochs,
            facts=facts_of(self._job, epochs, self._world, f"{'highest' if higher else 'lowest'} {self._monitor.name}"),
        )

    def _build_rate(self, loader: TrainLoader, optimizer: torch.optim.Optimizer) -> LearningRate:
        training = self._job.training
        return build_rate(
            optimizer,
            training,
            self._rate,
            updates_per_epoch=ceil(len(loader) / training.grad_accum_steps),
            seed=self._job.seed,
            monitor=self._monitor,
            measured=self._measured,
        )

    def _compare(self, facts: Mapping[str, Any], record: TrainingRecord) -> None:
        training = self._job.training
        callback = rate_callback(training.callbacks)
        if callback is not None:
            self._note(f"training.callbacks.{callback} sets the learning rate, training.lr_scheduler does not.")
        elif training.lr_scheduler.sched != "none" and training.lr_scheduler.warmup_epochs >= facts["epochs"]:
            warm = training.lr_scheduler.warmup_epochs
            self._note(f"The warm-up of {warm} epochs is not shorter than the training of {facts['epochs']}.")
        if self._resumed is not None:
            if self._job.training.lr_scheduler.start_epoch:
                self._note("training.lr_scheduler.start_epoch is not used: the checkpoint says where to go on.")
            refuse_changes(self._resumed, facts)
            if self._resumed.facts.get(DECIDING, facts[DECIDING]) != facts[DECIDING]:
                record.forget_best()
            for difference in differences(self._resumed, facts):
                self._note(f"Resumed from {self._resumed.path}: {difference}")

    def _is_done(self, record: TrainingRecord, epochs: int) -> bool:
        return self._resumed is not None and (record.stopped_early or self._resumed.epoch >= epochs)

    def _finished(self, record: TrainingRecord) -> TrainOutcome:
        """Return the outcome of a training that was finished before it was resumed."""
        job = self._job
        if record.best_epoch == 0:
            msg = (
                f"The training of {job.resume_from} was finished, and another metric is to decide which epoch is best."
            )
            raise UserError(msg, hint="Raise training.epochs, or leave the metric as it was.")
        if self._rank == 0:
            source = job.resume_from or job.last_path
            lost = settle_best(record, job.best_path, source, self._monitor.name, job.history)
            if lost is not None:
                raise UserError(lost, hint="The training was finished. Start it again, or raise training.epochs.")
            record.write(job.work_dir)
            record.write_table(job.best_path.parent)
        return self._outcome(record, ())

    def _fit(self, keeper: EpochKeeper, loader: TrainLoader, epochs: int, environment: LocalEnvironment | None) -> None:
        job, training = self._job, self._job.training
        learner = Learner(
            job.model,
            self._criterion,
            training,
            loader,
            mix=self._mix,
            measure=getattr(job.task, "train_metrics", None),
            frozen=self._frozen,
            rate=self._rate,
            build_rate=partial(self._build_rate, loader),
            seed=job.seed,
            resumed=self._resumed,
        )
        trainer = Trainer(
            accelerator=self._hardware.accelerator,
            devices=self._hardware.devices,
            num_nodes=training.num_nodes,
            strategy=DDPStrategy(broadcast_buffers=not training.no_ddp_bb) if self._world > 1 else "auto",
            precision=self._hardware.precision,
            max_epochs=epochs,
            accumulate_grad_batches=training.grad_accum_steps,
            sync_batchnorm=training.sync_bn and self._world > 1,
            callbacks=[keeper],
            plugins=[SafeCheckpointIO(), *([] if environment is None else [environment])],
            default_root_dir=job.work_dir,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        self._choose_start(trainer, epochs)
        trainer.fit(learner, train_dataloaders=loader, ckpt_path=None if self._resumed is None else self._resumed.path)

    def _choose_start(self, trainer: Trainer, epochs: int) -> None:
        start = self._job.training.lr_scheduler.start_epoch
        if not start or self._resumed is not None:
            return
        if start >= epochs:
            msg = f"training.lr_scheduler.start_epoch is {start}, but the training has {epochs} epochs."
            raise UserError(msg, hint="Epochs are counted from 0.")
        progress = trainer.fit_loop.epoch_progress
        for counts in (progress.total, progress.current):
            counts.ready = counts.started = counts.processed = counts.completed = start

    def _outcome(self, record: TrainingRecord, notes: tuple[str, ...]) -> TrainOutcome:
        deciding = self._monitor.name
        return TrainOutcome(
            epochs=record.epochs,
            best_epoch=record.best_epoch,
            best_metrics=tuple(sorted(record.best_metrics, key=lambda metric: metric.name != deciding)),
            stopped_early=record.stopped_early,
            files=(self._job.work_dir / SUMMARY, self._job.work_dir / EVENTS, *_sheets(self._job.work_dir)),
            skipped=tuple(record.skipped.values()),
            notes=(*self._notes, *notes),
        )

    def _note(self, text: str) -> None:
        self._notes.append(text)
        log.info("%s", text)


def _sheets(folder: Path) -> list[Path]:
    """Return some pictures of training batches, evenly spread over the training."""
    found = sorted((folder / TRAIN_BATCHES).glob("*.jpg"), key=lambda path: (len(path.name), path.name))
    return found[:: max(1, ceil(len(found) / MOST_SHEETS))]
