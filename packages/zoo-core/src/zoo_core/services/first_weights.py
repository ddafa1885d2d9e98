"""Own the weights that a training starts from: new, published, a backbone's, or all of an earlier training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact
from zoo_core.errors import UserError
from zoo_core.runs.log import logger
from zoo_core.services.context import RunContext

if TYPE_CHECKING:
    import torch


def first_model(
    context: RunContext, given: Artifact | None, resume_from: Path | None
) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """Build the model with the weights that a training starts from, and say in sentences where they are from.

    Raises:
        UserError: When the weights do not fit the model, or `training.dropout` does not fit the weights.
        MissingError: When published weights cannot be had.
    """
    from zoo_core.data.seeding import seed_everything
    from zoo_core.training.checkpoint import load_into, read_weights
    from zoo_core.training.headless import is_headless
    from zoo_core.training.transfer import transfer

    _refuse_two_rates(context)
    seed_everything(context.seed)
    if resume_from is not None:
        return context.build_without_pretrained(), ()
    backbone = context.config.model.pretrained_model_path
    if given is not None:
        model = context.build_without_pretrained()
        weights = read_weights(given.path)
        if is_headless(weights.metadata):
            logger.info("%s: %s.", given.path, transfer(model, weights.state_dict, given.path))
        else:
            load_into(model, weights.state_dict, given.path)
        _require_dropout(context, model, weights.metadata or {}, given.path)
        note = f"The training starts from the weights in {given.path}."
    elif backbone is not None:
        model = context.build_without_pretrained()
        note = f"Backbone from {backbone}: {transfer(model, read_weights(backbone).state_dict, backbone)}."
    else:
        return context.build_model(), ()
    logger.info("%s", note)
    return model, (note,)


def _refuse_two_rates(context: RunContext) -> None:
    training = context.config.training
    rate = None if training is None else training.dropout
    other = context.task.model_options().get("drop")
    if rate is not None and other and other != rate:
        msg = f"training.dropout is {rate}, and data_augmentation.drop is {other}."
        raise UserError(msg, hint="Both set the model's dropout; keep one of them.")


def _require_dropout(context: RunContext, model: torch.nn.Module, metadata: Mapping[str, Any], path: Path) -> None:
    """Refuse to train weights of one's own without a word on the dropout that they, or the model, come with.

    Raises:
        UserError: When there is dropout and `training.dropout` is not set.
    """
    from zoo_core.training.layers import active_dropout

    training = context.config.training
    if training is None or training.dropout is not None or context.task.model_options().get("drop"):
        return
    trained = (metadata.get("training") or {}).get("dropout")
    if trained:
        msg = f"The weights in {path} were trained with dropout {trained}, and training.dropout is not set."
        raise UserError(msg, hint=f"Set training.dropout, for example to {trained}, or to 0 to train without.")
    rate = active_dropout(model)
    if rate:
        msg = f"The model has a dropout layer, and training.dropout is not set; {path} does not say what it should be."
        raise UserError(msg, hint=f"Set training.dropout; {rate} is the rate the model is built with.")
