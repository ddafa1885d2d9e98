"""Own what the `training` section changes in a model's layers: freezing, dropout, batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from timm.layers import convert_splitbn_model
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from zoo_core.config.sections import TrainingSection
from zoo_core.config.values import IndexList
from zoo_core.errors import UserError

SHOWN_LAYERS = 4
_SPLIT_MARK = "aux_bn"


def prepare_layers(model: torch.nn.Module, training: TrainingSection, splits: int = 0) -> tuple[torch.nn.Module, ...]:
    """Apply what the `training` section says of layers, in place; return the modules that stay frozen.

    `splits` is the number of augmentation splits for `split_bn`; two when the task has none.

    Raises:
        UserError: When the model lacks what a setting is about, or a layer index is out of range.
    """
    set_batch_norm(model, training.bn_momentum, training.bn_eps)
    if training.dropout is not None:
        set_dropout(model, training.dropout)
    frozen = freeze_layers(model, training.frozen_layers) if training.frozen_layers is not None else ()
    if training.split_bn:
        convert_splitbn_model(model, max(splits, 2))
    return frozen


def layers_with_weights(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """Return every module that owns parameters itself, in the order of the model: what `frozen_layers` counts."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]


def freeze_layers(model: torch.nn.Module, indices: IndexList) -> tuple[torch.nn.Module, ...]:
    """Make all layers trainable but the chosen ones, and return those.

    Raises:
        UserError: When an index is out of range.
    """
    layers = layers_with_weights(model)
    try:
        chosen = set(indices.resolve(len(layers)))
    except ValueError as error:
        told = [f"{number} {name}" for number, (name, _) in enumerate(layers)]
        hint = f"The model has {len(layers)} layers with weights: {', '.join(told[:SHOWN_LAYERS])}, ... {told[-1]}."
        msg = f"training.frozen_layers: {error}"
        raise UserError(msg, hint=hint) from error
    for number, (_, module) in enumerate(layers):
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(number not in chosen)
    return tuple(module for number, (_, module) in enumerate(layers) if number in chosen)


def set_dropout(model: torch.nn.Module, rate: float) -> None:
    """Set the probability of every dropout layer, including timm's `drop_rate`.

    Raises:
        UserError: When the model has none.
    """
    found = False
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.p = rate
            found = True
        elif isinstance(getattr(module, "drop_rate", None), float | int):
            module.drop_rate = cast("torch.Tensor", rate)  # what `Module.__setattr__` is annotated to take
            found = True
    if not found:
        msg = "training.dropout is set, but the model has no dropout layer."
        raise UserError(msg, hint="Remove training.dropout.")


def set_batch_norm(model: torch.nn.Module, momentum: float | None, eps: float | None) -> None:
    """Set momentum (share of the new batch, as torch counts it) and epsilon of every batch normalisation."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = module.momentum if momentum is None else momentum
            module.eps = module.eps if eps is None else eps


def without_splits(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict without the auxiliary statistics of `split_bn`, so that it fits the model as built."""
    return {name: tensor for name, tensor in state.items() if _SPLIT_MARK not in name.split(".")}
