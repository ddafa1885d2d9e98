"""Own going on from the checkpoint of an interrupted training: what is in it, whether it fits, its best weights."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_core.errors import RunStoreError, UserError
from zoo_core.protocols import TrainJob
from zoo_core.training.checkpoint import load_into, read_checkpoint, read_metadata
from zoo_core.training.record import TrainingRecord

log = logging.getLogger("zoo")

STATE_KEY = "zoo_training"
"""Key of a Lightning checkpoint under which our part of the state stands."""
STATE_VERSION = 1
TRAINING_KEY = "training"
"""Key of the description beside the best weights that says which epoch they are of."""

_MODEL = "model."


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


def facts_of(job: TrainJob, epochs: int, world: int) -> dict[str, Any]:
    """Return what must be the same for a resumed training to equal one that ran through."""
    return {
        "seed": job.seed,
        "training.batch_size": job.training.batch_size,
        "training.grad_accum_steps": job.training.grad_accum_steps,
        "training images": len(job.train),
        "validation images": len(job.validation),
        "processes": world,
        "epochs": epochs,
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
        hint = "Give the last checkpoint (last_model.pt). To start from weights alone use model.model_path."
        raise UserError(msg, hint=hint)
    if state["version"] != STATE_VERSION:
        msg = f"{path} was written by another version of zoo (state {state['version']}, this is {STATE_VERSION})."
        raise UserError(msg, hint="Start the training again from its best weights with model.model_path.")
    weights = {
        name.removeprefix(_MODEL): tensor for name, tensor in content["state_dict"].items() if name.startswith(_MODEL)
    }
    load_into(job.model, weights, path)
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
    )
    if job.training.model_ema and resumed.average is None:
        msg = f"training.model_ema is on, but the training that wrote {path} kept no average."
        raise UserError(msg, hint="Set training.model_ema to False, or start again.")
    return resumed


def differences(resumed: Resumed, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each fact that is not as it was.

    Raises:
        UserError: When the interruption was inside an epoch, whose remaining batches would be others.
    """
    changed = [name for name in facts if facts[name] != resumed.facts.get(name)]
    told = [f"{name} is {facts[name]} and was {resumed.facts.get(name)}" for name in changed]
    if resumed.batch and any(name != "epochs" for name in changed):
        msg = f"{resumed.path} was written inside an epoch, which cannot go on with other settings: {'; '.join(told)}."
        raise UserError(msg, hint="Put the settings back, or start again from the best weights with model.model_path.")
    return tuple(
        f"{text} before the interruption; the result differs from a training that ran through." for text in told
    )


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


def settle_best(record: TrainingRecord, best: Path, resumed_from: Path) -> str | None:
    """Make the file of best weights agree with the record after an interruption; return a note when it cannot.

    The weights of the best epoch are where a training leaves them, or still waiting, or beside the checkpoint of
    another run. Where they are lost the search for the best starts anew.

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
    lost = record.best_epoch
    record.forget_best()
    return f"The best weights of epoch {lost} are not beside {resumed_from}; the best of the coming epochs are kept."


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
