"""Own one training step: what Lightning calls for every batch, around the task's model and loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.pytorch import LightningModule
from timm.models import model_parameters
from timm.utils import dispatch_clip_grad

from zoo_core.config.sections import TrainingSection
from zoo_core.data.loader import TrainLoader
from zoo_core.data.seeding import derive_seed, seed_everything
from zoo_core.errors import UserError
from zoo_core.training.ema import WeightAverage
from zoo_core.training.layers import channels_last
from zoo_core.training.monitor import LOSS
from zoo_core.training.optimizer import build_optimizer, shares_of
from zoo_core.training.resume import Resumed
from zoo_core.training.schedule import LearningRate, current_rate
from zoo_core.training.validation import loss_parts

BatchTransform = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]
BatchMetrics = Callable[[Any, Any], Mapping[str, torch.Tensor]]
"""Measure the outputs of a training batch against its targets, for the curves; scalars by name."""
RateBuilder = Callable[[torch.optim.Optimizer], LearningRate]


@dataclass(slots=True)
class LossMeter:
    """Sum the losses of an epoch, weighted by images, without waiting for the GPU."""

    sums: dict[str, torch.Tensor] = field(default_factory=dict)
    images: int = 0

    def add(self, parts: Mapping[str, torch.Tensor], images: int) -> None:
        """Take the mean losses of one batch."""
        for name, part in parts.items():
            value = part.detach().reshape(()).to(_exact(part.device)) * images
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.images += images

    def totals(self) -> tuple[dict[str, float], int]:
        """Return the sums and the number of images as plain numbers."""
        return {name: float(value) for name, value in self.sums.items()}, self.images

    def restore(self, sums: Mapping[str, float], images: int, device: torch.device) -> None:
        """Go on from the totals in a checkpoint."""
        kind = _exact(device)
        self.sums = {name: torch.tensor(value, dtype=kind, device=device) for name, value in sums.items()}
        self.images = images


class Learner(LightningModule):  # type: ignore[misc] # Lightning is untyped here
    """Train a model: loss, mixing, clipping, average of weights, learning rate, seeds.

    Every batch is computed with generators seeded from (seed, rank, epoch, batch), so that a training that goes on
    from a checkpoint draws what the uninterrupted one draws.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        criterion: torch.nn.Module,
        training: TrainingSection,
        loader: TrainLoader,
        *,
        mix: BatchTransform | None,
        measure: BatchMetrics | None,
        frozen: tuple[str, ...],
        rate: float,
        build_rate: RateBuilder,
        seed: int,
        resumed: Resumed | None,
    ) -> None:
        super().__init__()
        self.model = model
        self.criterion = criterion
        self.training_section = training
        self.loader = loader
        self.meter = LossMeter()
        self.average: WeightAverage | None = None
        self.updates = 0 if resumed is None else resumed.updates
        self.rate: LearningRate
        self._mix = mix
        self._measure = measure
        self._frozen = frozen
        self._initial_rate = rate
        self._build_rate = build_rate
        self._seed = seed
        self._resumed = resumed

    @property
    def best_model(self) -> torch.nn.Module:
        """Return the model that is evaluated and kept: the average of weights where there is one."""
        return self.model if self.average is None else self.average.model

    def train(self, mode: bool = True) -> Learner:
        """Switch to training or evaluation; frozen layers always stay in evaluation mode, as in Keras."""
        super().train(mode)
        for name in self._frozen:  # by name, since `sync_bn` replaces modules after this one was built
            self.model.get_submodule(name).train(False)
        return self

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build optimizer and schedule; the schedule is ours to step."""
        section = self.training_section
        share = shares_of(self.model, section)
        optimizer = build_optimizer(self.model, self.criterion, section.optimizer, self._initial_rate, share)
        self.rate = self._build_rate(optimizer)
        if self._resumed is not None:
            self.rate.restore(self._resumed.rate)
        return optimizer

    def on_fit_start(self) -> None:
        """Start the average of weights, now that the model is on its device."""
        self.average = WeightAverage.from_config(self.model, self.training_section)
        if self._resumed is None:
            return
        if self.average is not None and self._resumed.average is not None:
            self.average.restore(self._resumed.average)
        if self._resumed.batch:
            sums, images = self._resumed.meters[self.global_rank]
            self.meter.restore(sums, images, self.device)

    def on_train_start(self) -> None:
        """Choose the first batch, which is in the middle of an epoch after some interruptions."""
        self.train()
        if self._resumed is not None:
            self.loader.set_epoch(self._resumed.epoch, start=self._resumed.batch)

    def on_train_epoch_start(self) -> None:
        """Begin an epoch: batches, learning rate, sums."""
        self.train()
        self.loader.set_epoch(self.current_epoch)
        self.rate.begin_epoch(self.current_epoch)
        if callable(begin := getattr(self.criterion, "set_epoch", None)):
            begin(self.current_epoch, self.rate.epochs)
        self.meter = LossMeter()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Seed what this batch draws: dropout, stochastic depth, mixing."""
        del batch
        seed_everything(derive_seed(self._seed, self.global_rank, self.current_epoch, batch_idx))

    def training_step(self, batch: tuple[torch.Tensor, Any], batch_idx: int) -> torch.Tensor:
        """Return the loss of one batch: images of shape (N, C, H, W) and collated targets."""
        images, targets = batch
        if self._mix is not None:
            images, targets = self._mix(images, targets)
        if self.training_section.channels_last:
            images = channels_last(images)
        outputs = self.model(images)
        parts = loss_parts(self.criterion(outputs, targets))
        self.meter.add({**self._measured(outputs, targets), **parts}, len(images))
        loss = parts[LOSS]
        if self._looks_now(batch_idx) and not bool(torch.isfinite(loss)):
            raise diverged(
                float(loss.detach()), self.current_epoch, current_rate(self.trainer.optimizers[0]), batch_idx
            )
        return loss

    def _measured(self, outputs: Any, targets: Any) -> Mapping[str, torch.Tensor]:
        if self._measure is None:
            return {}
        with torch.no_grad():
            return self._measure(outputs, targets)

    def _looks_now(self, batch_idx: int) -> bool:
        """Tell whether the loss is looked at; on a GPU that means waiting, and with several processes all must stop."""
        if self.trainer.world_size > 1:
            return False
        return self.device.type == "cpu" or batch_idx % self.training_section.log_interval == 0

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update the weights, their average, and the learning rate where it goes by updates."""
        super().optimizer_step(*args, **kwargs)
        self.updates += 1
        if self.average is not None:
            self.average.update(self.model, self.updates)
        self.rate.after_update(self.updates)
        if self.training_section.synchronize_step and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def configure_gradient_clipping(self, optimizer: Any, **_: Any) -> None:
        """Clip gradients by norm, by value, or adaptively.

        A. Brock et al., "High-performance large-scale image recognition without normalization", 2021, for `agc`.
        """
        del optimizer
        section = self.training_section.optimizer
        if section.clip_grad is not None:
            parameters = model_parameters(self.model, exclude_head=section.clip_mode == "agc")
            dispatch_clip_grad(parameters, value=section.clip_grad, mode=section.clip_mode)


def _exact(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # mps has no double precision


def diverged(loss: float, epoch: int, rate: float, batch: int | None = None) -> UserError:
    """Return the error for a loss that is no number any more; `epoch` and `batch` are counted from 0."""
    place = f"epoch {epoch + 1}" if batch is None else f"epoch {epoch + 1}, batch {batch + 1}"
    msg = f"The training loss became {loss} in {place}, at a learning rate of {rate:g}."
    hint = (
        "Lower training.lr_scheduler.lr (or lr_base), lengthen warmup_epochs, or set training.optimizer.clip_grad. "
        "The best weights so far are kept."
    )
    return UserError(msg, hint=hint)
