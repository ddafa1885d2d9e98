"""Own what the `training` section changes in a model's layers: freezing, dropout, normalisation, order in memory."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from zoo_core.config.sections import TrainingSection
from zoo_core.config.values import IndexList
from zoo_core.errors import UserError

SHOWN_LAYERS = 4
IMAGE_RANK = 4
INNER_DROPOUTS = frozenset({"attn_drop", "proj_drop", "pos_drop", "patch_drop", "drop1", "drop2"})
"""Names of the dropout layers inside timm's transformers, which are not those before the classifier."""
_SPLIT_MARK = "aux_bn"


def prepare_layers(model: torch.nn.Module, training: TrainingSection, splits: int = 0) -> tuple[str, ...]:
    """Apply what the `training` section says of layers, in place; return the names of the modules that stay frozen.

    `splits` is the number of augmentation splits for `split_bn`; two when the task has none.

    Raises:
        UserError: When the model lacks what a setting is about, or a layer index is out of range.
    """
    set_batch_norm(model, training.bn_momentum, training.bn_eps)
    if training.dropout is not None:
        set_dropout(model, training.dropout)
    if training.split_bn:
        require_batch_norm(model, "split_bn")
        from timm.layers import convert_splitbn_model  # timm takes seconds, and only this needs it

        convert_splitbn_model(model, max(splits, 2))
    if training.sync_bn:
        require_batch_norm(model, "sync_bn")
    if training.channels_last:
        put_channels_last(model)
    return () if training.frozen_layers is None else freeze_layers(model, training.frozen_layers)


def layers_with_weights(model: torch.nn.Module) -> list[tuple[str, torch.nn.Module]]:
    """Return every module that owns parameters itself, in the order of the model: what `frozen_layers` counts.

    The auxiliary copies that `split_bn` makes of a layer belong to that layer.
    """
    return [
        (name, module)
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None and _SPLIT_MARK not in name.split(".")
    ]


def classifier_layers(model: torch.nn.Module) -> frozenset[str]:
    """Return the names of the modules that classify: what the model's `get_classifier` gives, else its last layer."""
    get = getattr(model, "get_classifier", None)
    heads = get() if callable(get) else ()
    inside = {
        id(module)
        for head in (heads if isinstance(heads, tuple | list) else (heads,))
        if isinstance(head, torch.nn.Module)
        for module in head.modules()
    }
    layers = layers_with_weights(model)
    named = frozenset(name for name, module in layers if id(module) in inside)
    return named or frozenset(name for name, _ in layers[-1:])


def freeze_layers(model: torch.nn.Module, indices: IndexList) -> tuple[str, ...]:
    """Make all layers trainable but the chosen ones, and return the names of those.

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
        copies = getattr(module, _SPLIT_MARK, ())
        for parameter in (*module.parameters(recurse=False), *(one for copy in copies for one in copy.parameters())):
            parameter.requires_grad_(number not in chosen)
    return tuple(name for number, (name, _) in enumerate(layers) if number in chosen)


def dropout_layers(model: torch.nn.Module) -> list[tuple[torch.nn.Module, str]]:
    """Return what drops activations before the classifier: each module with the attribute that holds the rate."""
    found: list[tuple[torch.nn.Module, str]] = []
    for name, module in model.named_modules():
        if isinstance(module, _DropoutNd):
            if name.rpartition(".")[2] not in INNER_DROPOUTS:
                found.append((module, "p"))
        elif isinstance(getattr(module, "drop_rate", None), float | int):
            found.append((module, "drop_rate"))
    return found


def active_dropout(model: torch.nn.Module) -> float:
    """Return the highest rate among the model's dropout layers, 0 when it has none."""
    return max((float(getattr(module, attribute)) for module, attribute in dropout_layers(model)), default=0.0)


def set_dropout(model: torch.nn.Module, rate: float) -> None:
    """Set the probability of every dropout layer, including timm's `drop_rate`.

    Raises:
        UserError: When the model has none.
    """
    found = dropout_layers(model)
    for module, attribute in found:
        setattr(module, attribute, rate)
    if not found:
        msg = "training.dropout is set, but the model has no dropout layer."
        raise UserError(msg, hint="Remove training.dropout.")


def require_batch_norm(model: torch.nn.Module, key: str) -> None:
    """Refuse an option about batch normalisation for a model without.

    Raises:
        UserError: When the model has none.
    """
    if not any(isinstance(module, _BatchNorm) for module in model.modules()):
        msg = f"training.{key} is set, but the model has no batch normalisation."
        raise UserError(msg, hint=f"Remove training.{key}.")


def set_batch_norm(model: torch.nn.Module, momentum: float | None, eps: float | None) -> None:
    """Set momentum (share of the new batch, as torch counts it) and epsilon of every batch normalisation.

    Raises:
        UserError: When something is set and the model has none.
    """
    for key, value in (("bn_momentum", momentum), ("bn_eps", eps)):
        if value is not None:
            require_batch_norm(model, key)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = module.momentum if momentum is None else momentum
            module.eps = module.eps if eps is None else eps


def put_channels_last(model: torch.nn.Module) -> None:
    """Lay out the weights of every convolution over images with their channels together, in place.

    Raises:
        UserError: When the model has none.
    """
    tensors = [tensor for tensor in (*model.parameters(), *model.buffers()) if tensor.ndim == IMAGE_RANK]
    if not tensors:
        msg = "training.channels_last is set, but the model has no convolution over images."
        raise UserError(msg, hint="Remove training.channels_last.")
    for tensor in tensors:
        tensor.data = channels_last(tensor.data)


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of shape (N, C, H, W) with its channels together in memory, and one of another rank as it is."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == IMAGE_RANK else tensor


def without_splits(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a state dict without the auxiliary statistics of `split_bn`, so that it fits the model as built."""
    return {name: tensor for name, tensor in state.items() if _SPLIT_MARK not in name.split(".")}
