"""Own the optimizer and the learning rate it starts from, by timm's rules."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim import create_optimizer_v2, list_optimizers

from zoo_core.config.sections import OptimizerSection, TrainingSection
from zoo_core.errors import UserError
from zoo_core.names import did_you_mean

_SQUARE_ROOT_NAMES = ("ada", "lamb")


def learning_rate(training: TrainingSection, world: int) -> float:
    """Return `lr`, or `lr_base` scaled by the images per update over `lr_base_size`.

    The scale is linear, or a square root for optimizers with `ada` or `lamb` in their name, unless
    `lr_base_scale` says which; `world` is the number of training processes.
    """
    section = training.lr_scheduler
    if section.lr is not None:
        return section.lr
    ratio = training.batch_size * training.grad_accum_steps * world / section.lr_base_size
    adaptive = any(part in training.optimizer.opt.lower() for part in _SQUARE_ROOT_NAMES)
    scale = section.lr_base_scale or ("sqrt" if adaptive else "linear")
    return float(section.lr_base * (ratio**0.5 if scale == "sqrt" else ratio))


def build_optimizer(
    model: torch.nn.Module, criterion: torch.nn.Module, section: OptimizerSection, lr: float
) -> torch.optim.Optimizer:
    """Build timm's optimizer over the model's trainable parameters; those of the loss join without weight decay.

    Raises:
        UserError: When the optimizer is unknown, refuses an option, or nothing is left to train.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        msg = "training.frozen_layers freezes every layer, so there is nothing to train."
        raise UserError(msg, hint="Leave at least one layer out of training.frozen_layers.")
    name = section.opt.lower()
    try:
        optimizer = create_optimizer_v2(
            model,
            opt=name,
            lr=lr,
            weight_decay=section.weight_decay,
            momentum=section.momentum,
            layer_decay=section.layer_decay,
            **_options(section, name),
        )
    except (ValueError, TypeError, KeyError, AssertionError) as error:
        known = list_optimizers()
        if name.rpartition("_")[2] not in known:
            hint = did_you_mean(name, known) or f"Known are: {', '.join(known)}."
            msg = f'training.optimizer.opt: there is no optimizer "{section.opt}".'
            raise UserError(msg, hint=hint) from error
        msg = f"training.optimizer: {name} refuses its settings: {error}"
        raise UserError(msg, hint="Change or remove the setting that the message names.") from error
    own = [parameter for parameter in criterion.parameters() if parameter.requires_grad]
    if own:
        optimizer.add_param_group({"params": own, "weight_decay": 0.0})
    built: torch.optim.Optimizer = optimizer
    return built


def _options(section: OptimizerSection, name: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(section.options)
    if section.opt_eps is not None:
        options["eps"] = section.opt_eps
    if section.opt_betas is not None:
        options["betas"] = section.opt_betas
    if name == "sgd" and section.momentum == 0:
        options.setdefault("nesterov", False)
    return options
