"""Own the optimizer and the learning rate it starts from, by timm's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from timm.optim import create_optimizer_v2, get_optimizer_info, list_optimizers

from zoo_core.config.sections import OptimizerSection, TrainingSection
from zoo_core.errors import MissingError, UserError
from zoo_core.names import did_you_mean
from zoo_core.training.layers import classifier_layers

_SQUARE_ROOT_NAMES = ("ada", "lamb")
CONFIGURATION = "pretrained_cfg"
"""Attribute in which timm looks for the name of a model's classifier."""
Share = Callable[[str], float]
"""Return for the name of a parameter its share of the learning rate."""
DEFAULT_MOMENTUM = OptimizerSection.model_fields["momentum"].default


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


def shares_of(model: torch.nn.Module, training: TrainingSection) -> Share | None:
    """Return how the learning rate is divided among the parts of a model, where the `training` section says so."""
    grouping = training.optimizer.grouping
    return None if grouping is None else grouping.load()(model, training)


def build_optimizer(
    model: torch.nn.Module,
    criterion: torch.nn.Module,
    section: OptimizerSection,
    lr: float,
    share: Share | None = None,
) -> torch.optim.Optimizer:
    """Build timm's optimizer over the model's trainable parameters; those of the loss join without weight decay.

    Raises:
        UserError: When the optimizer is unknown, lacks or refuses an option, or nothing is left to train.
        MissingError: When the optimizer needs a package or a GPU that is not there.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        msg = "training.frozen_layers freezes every layer, so there is nothing to train."
        raise UserError(msg, hint="Leave at least one layer out of training.frozen_layers.")
    name = section.opt.lower()
    _refuse_unfit(section, name)
    try:
        with _classifier_named(model):
            optimizer = create_optimizer_v2(
                model,
                opt=name,
                lr=lr,
                weight_decay=section.weight_decay,
                momentum=section.momentum,
                layer_decay=section.layer_decay,
                **_options(section, name),
            )
    except (ImportError, ValueError, TypeError, KeyError, AssertionError) as error:
        if isinstance(error, ImportError) or "CUDA" in str(error):
            msg = f"training.optimizer.opt: {name} cannot be used here: {error}."
            raise MissingError(msg, hint="Install what the message names, or choose another optimizer.") from error
        msg = f"training.optimizer: {name} refuses its settings: {error}"
        raise UserError(msg, hint="Change or remove the setting that the message names.") from error
    if share is not None:
        _divide(optimizer, model, share, lr)
    own = [parameter for parameter in criterion.parameters() if parameter.requires_grad]
    if own:
        optimizer.add_param_group({"params": own, "weight_decay": 0.0})
    built: torch.optim.Optimizer = optimizer
    return built


def _divide(optimizer: torch.optim.Optimizer, model: torch.nn.Module, share: Share, lr: float) -> None:
    """Divide every group of parameters by their shares of the learning rate, in place."""
    shares = {id(parameter): share(name) for name, parameter in model.named_parameters()}
    divided = []
    for group in optimizer.param_groups:
        for part in sorted({shares[id(parameter)] for parameter in group["params"]}):
            members = [parameter for parameter in group["params"] if shares[id(parameter)] == part]
            scale = part * group.get("lr_scale", 1.0)
            divided.append({**group, "params": members, "lr_scale": scale, "lr": lr * scale})
    optimizer.param_groups[:] = divided


@contextmanager
def _classifier_named(model: torch.nn.Module) -> Iterator[None]:
    """Tell timm which layers are the last ones, for models that it does not know, so that `layer_decay` acts."""
    if hasattr(model, "group_matcher") or hasattr(model, CONFIGURATION):
        yield
        return
    setattr(model, CONFIGURATION, {"classifier": tuple(sorted(classifier_layers(model)))})
    try:
        yield
    finally:
        delattr(model, CONFIGURATION)


def _refuse_unfit(section: OptimizerSection, name: str) -> None:
    """Refuse an unknown optimizer, and options that timm would leave out without a word.

    Raises:
        UserError: Naming the key.
    """
    known = list_optimizers()
    base = name.rpartition("_")[2]
    if base not in known:
        hint = did_you_mean(name, known) or f"Known are: {', '.join(known)}."
        msg = f'training.optimizer.opt: there is no optimizer "{section.opt}".'
        raise UserError(msg, hint=hint)
    info = get_optimizer_info(base)
    if info.second_order:
        msg = f"training.optimizer.opt: {name} needs second derivatives, which are not computed here."
        raise UserError(msg, hint="Choose another optimizer, such as adamw.")
    lacking = {
        "opt_eps": section.opt_eps is not None and not info.has_eps,
        "opt_betas": section.opt_betas is not None and not info.has_betas,
        "momentum": section.momentum not in (DEFAULT_MOMENTUM, 0) and not info.has_momentum,
    }
    for key, unfit in lacking.items():
        if unfit:
            msg = f"training.optimizer.{key}: {name} has no such setting."
            raise UserError(msg, hint=f"Remove training.optimizer.{key}.")
    if section.opt_betas is not None and len(section.opt_betas) != info.num_betas:
        msg = f"training.optimizer.opt_betas: {name} takes {info.num_betas} numbers, found {len(section.opt_betas)}."
        raise UserError(msg)


def _options(section: OptimizerSection, name: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(section.options)
    if section.opt_eps is not None:
        options["eps"] = section.opt_eps
    if section.opt_betas is not None:
        options["betas"] = section.opt_betas
    if name == "sgd" and section.momentum == 0:
        options.setdefault("nesterov", False)
    return options
