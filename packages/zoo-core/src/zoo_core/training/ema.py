"""Own the exponential moving average of a model's weights, evaluated and kept in place of the weights themselves."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from timm.utils.model_ema import ModelEmaV3

from zoo_core.config.sections import TrainingSection


class WeightAverage:
    """Follow a model: after every update, average = decay * average + (1 - decay) * weights, buffers included.

    With `warmup` the decay rises with the updates done, as 1 - updates ** (-2 / 3), from 0 up to the one given.

    B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992; computed by timm.
    """

    def __init__(self, model: torch.nn.Module, *, decay: float, on_cpu: bool, warmup: bool = False) -> None:
        device = torch.device("cpu") if on_cpu else None
        self._average = ModelEmaV3(model, decay=decay, device=device, use_warmup=warmup)
        self._warmup = warmup

    @classmethod
    def from_config(cls, model: torch.nn.Module, training: TrainingSection) -> WeightAverage | None:
        """Start from the model's weights, or return nothing when `model_ema` is off."""
        if not training.model_ema:
            return None
        return cls(
            model,
            decay=training.model_ema_decay,
            on_cpu=training.model_ema_force_cpu,
            warmup=training.model_ema_warmup,
        )

    @property
    def model(self) -> torch.nn.Module:
        """Return the averaged model, in evaluation mode."""
        module: torch.nn.Module = self._average.module
        return module

    def update(self, model: torch.nn.Module, updates: int | None = None) -> None:
        """Take the model's weights after an update; `updates` is the number done since the training began."""
        self._average.update(model, updates if self._warmup else None)

    def state(self) -> dict[str, torch.Tensor]:
        """Return the averaged weights."""
        return dict(self.model.state_dict())

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(state)
