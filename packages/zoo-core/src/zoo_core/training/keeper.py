"""Own the end of every epoch: measure, compare, keep, stop; and the checkpoint from which a training goes on."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from timm.utils import distribute_bn
from torchvision.transforms.v2.functional import to_pil_image
from torchvision.utils import make_grid

from zoo_core.artifacts import METADATA_KEY
from zoo_core.data.loader import EvalLoader
from zoo_core.protocols import TRAIN, ProgressTask, TrainJob
from zoo_core.results import MetricValue
from zoo_core.runs.files import write_atomically
from zoo_core.training.board import EpochBoard
from zoo_core.training.checkpoint import save_weights
from zoo_core.training.history import keep_history
from zoo_core.training.journal import Journal
from zoo_core.training.layers import without_splits
from zoo_core.training.learner import Learner, diverged
from zoo_core.training.monitor import LOSS, TRAIN_LOSS, EarlyStopping
from zoo_core.training.record import Row, TrainingRecord
from zoo_core.training.resume import (
    STATE_KEY,
    STATE_VERSION,
    TRAINING_KEY,
    Resumed,
    candidate_path,
    describe_best,
    promote,
    settle_best,
)
from zoo_core.training.schedule import current_rate
from zoo_core.training.validation import Validation, validate

log = logging.getLogger("zoo")

TRAIN_BATCHES = "train_batches"
"""Folder of the pictures of `save_images`."""
SHOWN_IMAGES = 64
"""Images of a batch in one picture of `save_images`."""
LOOK_EVERY = 10
"""Batches between two looks at the loss for the progress bar on a GPU, which has to be waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """State what decides about the best weights and about the end."""

    monitor: MetricValue
    higher: bool
    early: EarlyStopping | None
    epochs: int
    facts: Mapping[str, Any]


class EpochKeeper(Callback):  # type: ignore[misc] # Lightning is untyped here
    """Validate after every epoch, keep the best weights, the complete state and the table, and stop early."""

    def __init__(
        self,
        job: TrainJob,
        loader: EvalLoader,
        rules: Rules,
        record: TrainingRecord,
        *,
        board: EpochBoard | None,
        resumed: Resumed | None,
    ) -> None:
        self._job = job
        self._board = board
        self._journal = Journal(rules.epochs, job.training.callbacks)
        self._loader = loader
        self._rules = rules
        self._record = record
        self._resumed = resumed
        self._position = (0, 0) if resumed is None else (resumed.epoch, resumed.batch)
        self._notes: list[str] = []
        self._bars = ExitStack()
        self._bar: ProgressTask | None = None
        self._started = 0.0
        self._last: dict[str, float] = {}

    @property
    def record(self) -> TrainingRecord:
        """Return what happened so far."""
        return self._record

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what the user should know of the training."""
        return tuple(self._notes)

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:
        """Find the best weights of an interrupted training; open the bar of an epoch that goes on in the middle."""
        if self._resumed is not None:
            best, source = self._job.best_path, self._resumed.path
            monitor = self._rules.monitor.name
            history = self._job.history
            note = settle_best(self._record, best, source, monitor, history) if trainer.is_global_zero else None
            state, note = gather_objects((self._record.to_state(), note))[0]
            self._record = TrainingRecord.from_state(state)
            self._notes.extend([note] if note else [])
            if trainer.is_global_zero and source == self._job.last_path and self._position[1] == 0:
                self._keep_history()  # which an interruption may have left undone
        epoch, batch = self._position
        if batch:
            self._open_bar(epoch, len(pl_module.loader) - batch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: Learner) -> None:
        """Open the bar of the epoch."""
        self._open_bar(trainer.current_epoch, len(pl_module.loader))

    def on_train_batch_start(self, trainer: Trainer, pl_module: Learner, batch: Any, batch_idx: int) -> None:
        """Log the learning rate of an epoch, which is known once its first batch comes."""
        if batch_idx == 0 and trainer.is_global_zero:
            self._journal.begin_epoch(trainer.current_epoch, current_rate(trainer.optimizers[0]))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Learner, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show and log the loss; save pictures, and the state inside the epoch, where the section says so."""
        done, section = batch_idx + 1, self._job.training
        values, batches = dict(self._last), len(pl_module.loader)
        logs = trainer.is_global_zero and done % section.log_interval == 0
        if pl_module.device.type == "cpu" or batch_idx % LOOK_EVERY == 0 or logs:
            values[LOSS] = float(outputs[LOSS]) * section.grad_accum_steps
        self._advance(**values)
        self._journal.count(len(batch[0]))
        if logs:
            rate = current_rate(trainer.optimizers[0])
            self._journal.batch(trainer.current_epoch, done, batches, values[LOSS], rate)
        if section.save_images and batch_idx % section.log_interval == 0 and trainer.is_global_zero:
            self._save_pictures(batch[0], trainer.current_epoch + 1, done)
        whole = done % section.grad_accum_steps == 0 and done < batches
        if section.recovery_interval and whole and done % section.recovery_interval == 0:
            self._agree_on_statistics(trainer, pl_module)
            self._save(trainer, trainer.current_epoch, done)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:
        """Measure the epoch, keep what is worth keeping, and decide whether it was the last one.

        Raises:
            UserError: When the loss is no number any more.
            RunStoreError: When the disk is full or the run directory cannot be written.
        """
        epoch = trainer.current_epoch
        losses, rate = self._losses(pl_module), current_rate(trainer.optimizers[0])
        if not math.isfinite(losses[LOSS]):
            raise diverged(losses[LOSS], epoch, rate)
        found = self._validate(trainer, pl_module) if self._validates(epoch) else None
        self._agree_on_skipped(pl_module)
        trained = MetricValue(name=TRAIN_LOSS, value=losses[LOSS], higher_is_better=False, split=TRAIN)
        measured = {**({} if found is None else found.by_name), TRAIN_LOSS: trained}
        self._add_row(epoch, rate, losses, found)
        better = stops = False
        if found is not None:
            pl_module.rate.end_epoch(epoch, measured)
            better = self._take_best(epoch, measured, found)
            stops = self._stops(epoch, measured)
        if better and trainer.is_global_zero:
            self._write_candidate(pl_module)
        self._save(trainer, epoch + 1, 0)
        if trainer.is_global_zero:
            self._write_epoch(pl_module, better=better)
            self._journal.end_epoch(epoch, measured, self._record.rows[-1]["seconds"], better=better)
        trainer.strategy.barrier("zoo epoch")
        self._close_bar(measured)
        if stops:
            trainer.should_stop = True

    def on_save_checkpoint(self, trainer: Trainer, pl_module: Learner, checkpoint: dict[str, Any]) -> None:
        """Add our part of the state: plain numbers, texts and tensors only."""
        epoch, batch = self._position
        early, average = self._rules.early, pl_module.average
        checkpoint[METADATA_KEY] = json.dumps(dict(self._job.metadata))
        checkpoint[STATE_KEY] = {
            "version": STATE_VERSION,
            "record": self._record.to_state(),
            "rate": pl_module.rate.state(),
            "early": None if early is None else early.state(),
            "average": None if average is None else average.state(),
            "meters": [list(totals) for totals in gather_objects(pl_module.meter.totals())],
            "updates": pl_module.updates,
            "epoch": epoch,
            "batch": batch,
            "facts": dict(self._rules.facts),
        }

    def on_exception(self, trainer: Trainer, pl_module: Learner, exception: BaseException) -> None:
        """Close the bar of the epoch that was not finished."""
        self._bars.close()

    def _losses(self, learner: Learner) -> dict[str, float]:
        parts = gather_objects(learner.meter.totals())
        images = sum(count for _, count in parts)
        names = list(dict.fromkeys(name for sums, _ in parts for name in sums))
        return {name: sum(sums.get(name, 0.0) for sums, _ in parts) / images for name in names}

    def _validates(self, epoch: int) -> bool:
        """Tell whether an epoch, counted from 0, ends with a validation; the last one always does."""
        done = epoch + 1
        return done % self._job.training.validation_epochs == 0 or done >= self._rules.epochs

    def _agree_on_skipped(self, learner: Learner) -> None:
        for skipped in gather_objects(learner.loader.skipped):
            self._record.add_skipped(skipped)

    def _validate(self, trainer: Trainer, learner: Learner) -> Validation:
        self._agree_on_statistics(trainer, learner)
        found = validate(
            learner.best_model,
            learner.criterion,
            self._loader,
            self._job.task,
            precision=trainer.precision_plugin.forward_context,
            gather=gather_objects,
            after_batch=self._advance,
            mirrored=self._job.training.tta > 0,
        )
        learner.train()
        for skip in found.skipped:
            if skip.path not in self._record.skipped and trainer.is_global_zero:
                log.warning("Left out of the validation: %s: %s", skip.path, skip.reason)
        self._record.add_skipped(found.skipped)
        return found

    def _agree_on_statistics(self, trainer: Trainer, learner: Learner) -> None:
        """Give all processes the same statistics of batch normalisation, as `dist_bn` says."""
        how = self._job.training.dist_bn
        if trainer.world_size > 1 and how:
            for model in {id(model): model for model in (learner.model, learner.best_model)}.values():
                distribute_bn(model, trainer.world_size, reduce=how == "reduce")

    def _add_row(self, epoch: int, rate: float, losses: Mapping[str, float], found: Validation | None) -> None:
        row: Row = {"epoch": epoch + 1, "lr": rate, TRAIN_LOSS: losses[LOSS]}
        row.update({f"train_{name}": value for name, value in losses.items() if name != LOSS})
        if found is not None:
            row[f"val_{LOSS}"] = found.by_name[LOSS].value
            row.update({f"val_{metric.name}": metric.value for metric in found.metrics if metric.name != LOSS})
        row["seconds"] = time.monotonic() - self._started
        self._record.rows.append(row)

    def _take_best(self, epoch: int, measured: Mapping[str, MetricValue], found: Validation) -> bool:
        deciding = measured[self._rules.monitor.name]
        metrics = found.metrics if deciding.name in found.by_name else (deciding, *found.metrics)
        return self._record.take_best(epoch + 1, deciding.value, metrics, higher=self._rules.higher)

    def _stops(self, epoch: int, measured: Mapping[str, MetricValue]) -> bool:
        early = self._rules.early
        if early is None or not early.stops(epoch, measured[early.metric].value):
            return False
        if epoch + 1 < self._rules.epochs:
            log.info("Stopped after epoch %d: %s no longer improves.", epoch + 1, early.metric)
            self._record.stopped_early = True
        return True

    def _write_epoch(self, learner: Learner, *, better: bool) -> None:
        """Write what an epoch leaves beside the last checkpoint: best weights, kept checkpoint, table, events."""
        job, record = self._job, self._record
        if better:
            promote(job.best_path)
        self._keep_history()
        record.write(job.work_dir)
        record.write_table(job.best_path.parent)
        if self._board is not None:
            self._board.write(record.rows[-1])
            self._board.write_weights(int(record.rows[-1]["epoch"]), learner.model)

    def _keep_history(self) -> None:
        name, count = self._rules.monitor.name, self._job.training.checkpoint_hist
        column = name if name == TRAIN_LOSS else f"val_{name}"
        job, rows = self._job, self._record.rows
        if rows:
            keep_history(job.last_path, rows, column, count, higher=self._rules.higher, name=job.history)

    def _write_candidate(self, learner: Learner) -> None:
        """Write the best weights beside their place; they are moved there once the checkpoint knows of them."""
        average, dropout = learner.average is not None, self._job.training.dropout
        described = describe_best(self._record, self._rules.monitor.name, average=average, dropout=dropout)
        weights = without_splits(learner.best_model.state_dict())
        save_weights(candidate_path(self._job.best_path), weights, {**self._job.metadata, TRAINING_KEY: described})

    def _save_pictures(self, images: torch.Tensor, epoch: int, batch: int) -> None:
        path = self._job.work_dir / TRAIN_BATCHES / f"epoch{epoch}_batch{batch}.jpg"
        picture = make_grid(images[:SHOWN_IMAGES].float().cpu(), normalize=True)
        write_atomically(path, lambda stream: to_pil_image(picture).save(stream, "JPEG"), durable=False)

    def _save(self, trainer: Trainer, epoch: int, batch: int) -> None:
        self._position = epoch, batch
        trainer.save_checkpoint(self._job.last_path, weights_only=False)

    def _open_bar(self, epoch: int, batches: int) -> None:
        self._started = time.monotonic()
        total = batches + len(self._loader)
        self._bar = self._bars.enter_context(self._job.progress.track(f"epoch {epoch + 1}/{self._rules.epochs}", total))

    def _advance(self, **values: float) -> None:
        if self._bar is not None:
            self._bar.advance(1, **values)

    def _close_bar(self, measured: Mapping[str, MetricValue]) -> None:
        name = self._rules.monitor.name
        if name in measured:
            self._last = {f"val_{name}" if name != TRAIN_LOSS else name: measured[name].value}
        if self._bar is not None:
            self._bar.advance(0, **{LOSS: measured[TRAIN_LOSS].value}, **self._last)
        self._bars.close()
        self._bar = None


def gather_objects(found: Any) -> list[Any]:
    """Return the objects of all training processes, in the order of their ranks."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [found]
    parts: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, found)
    return parts
