"""Own going on from the checkpoint of an interrupted training: what is in it, whether it fits, its best weights."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zoo_core.config.values import IndexList
from zoo_core.errors import RunStoreError, UserError
from zoo_core.protocols import TrainJob
from zoo_core.training.checkpoint import load_into, read_checkpoint, read_metadata, save_weights
from zoo_core.training.history import NAME, history_path
from zoo_core.training.layers import without_splits
from zoo_core.training.record import TrainingRecord

log = logging.getLogger("zoo")

STATE_KEY = "zoo_training"
"""Key of a Lightning checkpoint under which our part of the state stands."""
STATE_VERSION = 1
TRAINING_KEY = "training"
"""Key of the description beside the best weights that says which epoch they are of."""

OF_BATCHES = ("seed", "training.batch_size", "training.grad_accum_steps", "training images", "processes")
"""Facts on which the batches of an epoch depend."""
DECIDING = "the metric that decides"
"""Fact: name and direction of the metric by which weights are the best."""
FIXED = ("training.dropout", "training.frozen_layers", "training.optimizer")
"""Settings without which a checkpoint's optimizer state means nothing; the others may change."""

_MODEL = "model."
_CRITERION = "criterion."


@dataclass(frozen=True, slots=True)
class Resumed:
    """Hold what a checkpoint says of the training it was written by."""

    path: Path
    record: TrainingRecord
    rate: Mapping[str, Any]
    early: Mapping[str, Any] | None
    average: Mapping[str, Any] | None
    meters: Sequence[Sequence[Any]]
    """Sums of losses and number of images so far in the epoch, of each process."""
    updates: int
    epoch: int
    """Epoch to go on with, counted from 0."""
    batch: int
    """Batches of that epoch already done."""
    facts: Mapping[str, Any]
    criterion: frozenset[str]
    """Names of the tensors that the loss learns."""


def facts_of(job: TrainJob, epochs: int, world: int, deciding: str) -> dict[str, Any]:
    """Return what must be the same for a resumed training to equal one that ran through, as plain data."""
    training = job.training
    return {
        "seed": job.seed,
        "training.batch_size": training.batch_size,
        "training.grad_accum_steps": training.grad_accum_steps,
        "training images": len(job.train),
        "validation images": len(job.validation),
        "processes": world,
        "epochs": epochs,
        DECIDING: deciding,
        "training.dropout": training.dropout,
        "training.frozen_layers": None if training.frozen_layers is None else training.frozen_layers.text,
        "training.optimizer": training.optimizer.model_dump(mode="json"),
        "training.lr_scheduler": training.lr_scheduler.model_dump(mode="json"),
        "training.callbacks": training.callbacks.model_dump(mode="json", exclude_none=True),
    }


def read_resumed(path: Path, job: TrainJob) -> Resumed:
    """Read a checkpoint and put its weights into the job's model.

    Raises:
        UserError: When it is no checkpoint of a training, or belongs to another model.
    """
    content = read_checkpoint(path)
    state = content.get(STATE_KEY) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or "optimizer_states" not in content:
        msg = f"{path} is no checkpoint of an unfinished training: it lacks the optimizer and the epoch."
        hint = "Give the last checkpoint of the training. To start from weights alone use model.model_path."
        raise UserError(msg, hint=hint)
    if state["version"] != STATE_VERSION:
        msg = f"{path} was written by another version of zoo (state {state['version']}, this is {STATE_VERSION})."
        raise UserError(msg, hint="Start the training again from its best weights with model.model_path.")
    load_into(job.model, _own_weights(content), path)
    resumed = Resumed(
        path=path,
        record=TrainingRecord.from_state(state["record"]),
        rate=state["rate"],
        early=state["early"],
        average=state["average"],
        meters=state["meters"],
        updates=state["updates"],
        epoch=state["epoch"],
        batch=state["batch"],
        facts=state["facts"],
        criterion=frozenset(
            name.removeprefix(_CRITERION) for name in content["state_dict"] if name.startswith(_CRITERION)
        ),
    )
    if job.training.model_ema and resumed.average is None:
        msg = f"training.model_ema is on, but the training that wrote {path} kept no average."
        raise UserError(msg, hint="Set training.model_ema to False, or start again.")
    return resumed


def refuse_changes(resumed: Resumed, facts: Mapping[str, Any]) -> None:
    """Refuse to go on with another dropout, other frozen layers or another optimizer than the checkpoint was made with.

    Raises:
        UserError: Naming both sides of everything that differs; also when the interruption was inside an epoch and its
            remaining batches would be others.
    """
    before = resumed.facts
    pairs = {key: (before[key], facts[key]) for key in FIXED if key in before}
    changed = [text for key, pair in pairs.items() if not _equal(key, *pair) for text in _changes(key, *pair)]
    if changed:
        lines = "\n".join(f"  {text}" for text in changed)
        msg = (
            f"The training that wrote {resumed.path} goes on with its own dropout, frozen layers and optimizer only:\n"
            f"{lines}"
        )
        hint = "Set them back. Other settings need a new training that starts from the best weights: model.model_path."
        raise UserError(msg, hint=hint)
    told = [text for key in OF_BATCHES for text in _changes(key, before.get(key), facts[key])]
    if resumed.batch and told:
        msg = f"{resumed.path} was written inside an epoch, which cannot go on with other settings: {'; '.join(told)}."
        raise UserError(msg, hint="Put the settings back, or start again from the best weights with model.model_path.")


def refuse_other_loss(resumed: Resumed, criterion: torch.nn.Module) -> None:
    """Refuse to go on with a loss that learns other tensors than the checkpoint holds.

    Raises:
        UserError: Naming what the checkpoint has too much and what it lacks.
    """
    own = frozenset(criterion.state_dict())
    if own == resumed.criterion:
        return
    told = [
        f"{text}: {', '.join(sorted(names))}"
        for text, names in (("the checkpoint lacks", own - resumed.criterion), ("and has", resumed.criterion - own))
        if names
    ]
    msg = f"The training that wrote {resumed.path} had other losses: {'; '.join(told)}."
    raise UserError(msg, hint="Set the losses of the training section back, or start anew with model.model_path.")


def differences(resumed: Resumed, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each further fact that is not as it was."""
    return tuple(
        f"{text} before the interruption; the result differs from a training that ran through."
        for name in facts
        if name not in FIXED and name in resumed.facts
        for text in _changes(name, resumed.facts[name], facts[name])
    )


def _equal(key: str, before: Any, now: Any) -> bool:
    if key == "training.frozen_layers" and None not in (before, now):
        return IndexList(before) == IndexList(now)
    return bool(before == now)


def _changes(name: str, before: Any, now: Any) -> list[str]:
    """Return `x is 2 and was 1` for a value, or for each value of a section."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = dict.fromkeys([*now, *before])
        return [text for key in keys for text in _changes(f"{name}.{key}", before.get(key), now.get(key))]
    return [] if before == now else [f"{name} is {now} and was {before}"]


def candidate_path(best: Path) -> Path:
    """Return where best weights wait until the checkpoint that counts them as best is written."""
    return best.with_name(f".{best.name}.next")


def promote(best: Path) -> None:
    """Make the waiting weights the best ones.

    Raises:
        RunStoreError: When the folder cannot be written.
    """
    try:
        candidate_path(best).replace(best)
    except OSError as error:
        msg = f"{best} cannot be written: {error.strerror}"
        raise RunStoreError(msg) from error


def describe_best(record: TrainingRecord, monitor: str, *, average: bool, dropout: float | None) -> dict[str, Any]:
    """Return what stands beside the best weights: their epoch, what was measured, and how they were trained."""
    return {
        "epoch": record.best_epoch,
        "monitor": monitor,
        "metrics": {metric.name: metric.value for metric in record.best_metrics},
        "average": average,
        "dropout": dropout,
    }


def settle_best(
    record: TrainingRecord, best: Path, resumed_from: Path, monitor: str, history: str = NAME
) -> str | None:
    """Make the file of best weights agree with the record after an interruption; return a note when it cannot.

    The weights of the best epoch are where a training leaves them, or still waiting, or beside the checkpoint of
    another run, or inside a kept checkpoint of that epoch. Where they are lost the search for the best starts anew.

    Raises:
        RunStoreError: When the folder cannot be written.
    """
    if record.best_epoch == 0:
        return None
    elsewhere = resumed_from.parent / best.name
    for place in (candidate_path(best), best, candidate_path(elsewhere), elsewhere):
        if _epoch_of(place) != record.best_epoch:
            continue
        if place == candidate_path(best):
            promote(best)
        elif place != best:
            _copy(place, best)
        candidate_path(best).unlink(missing_ok=True)
        return None
    kept = history_path(resumed_from, record.best_epoch, history)
    if kept.is_file() and _extract(kept, best, record, monitor):
        return None
    lost = record.best_epoch
    record.forget_best()
    return f"The best weights of epoch {lost} are not beside {resumed_from}; the best of the coming epochs are kept."


def _extract(kept: Path, best: Path, record: TrainingRecord, monitor: str) -> bool:
    """Write the best weights anew from the checkpoint of their epoch; tell whether it is one."""
    try:
        content = read_checkpoint(kept)
        state, facts = content[STATE_KEY], content[STATE_KEY]["facts"]
        weights = state["average"] or _own_weights(content)
    except (UserError, KeyError, TypeError):
        return False
    average = state["average"] is not None
    described = describe_best(record, monitor, average=average, dropout=facts.get("training.dropout"))
    metadata = {**(read_metadata(content) or {}), TRAINING_KEY: described}
    save_weights(candidate_path(best), without_splits(weights), metadata)
    promote(best)
    return True


def _own_weights(content: Mapping[str, Any]) -> dict[str, Any]:
    state = content["state_dict"]
    return {name.removeprefix(_MODEL): tensor for name, tensor in state.items() if name.startswith(_MODEL)}


def _epoch_of(path: Path) -> int | None:
    if not path.is_file():
        return None
    try:
        described = (read_metadata(read_checkpoint(path)) or {}).get(TRAINING_KEY)
    except UserError:
        return None
    return described.get("epoch") if isinstance(described, dict) else None


def _copy(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, candidate_path(target))
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}"
        raise RunStoreError(msg) from error
    promote(target)
