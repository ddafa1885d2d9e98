"""Own the rules inside the `training` section: an option that would have no effect is refused, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from zoo_core.config.callback_sections import CallbacksSection
from zoo_core.config.lr_scheduler_section import LrSchedulerSection
from zoo_core.config.section import Section
from zoo_core.config.training_sections import TrainingSection

NONE = "none"
BY_BATCH = ("lr_base", "lr_base_size", "lr_base_scale")
ALSO_DEFAULT: dict[str, tuple[Any, ...]] = {
    "decay_epochs": (90,),
    "lr_base_scale": (None,),
    "epoch_repeats": (1,),
    "start_epoch": (0,),
    "warmup_epochs": (0,),
    "lr_cycle_limit": (1,),
}
"""Values that mean the same as the default, or that a key is switched off; ST's files hold some of them."""
RATE_CALLBACKS = ("ReduceLROnPlateau", "LearningRateScheduler")


@dataclass(frozen=True, slots=True)
class Idle:
    """Name an option that would have no effect, why, and what to do."""

    key: str
    """Dotted key below `training`."""
    message: str
    hint: str


def idle_options(training: TrainingSection) -> Iterator[Idle]:
    """Return what is set in a `training` section and would have no effect, or contradicts another key."""
    yield from _schedule(training)
    yield from _needing(training)
    yield from _alone(training)
    yield from _contradictions(training)


def is_set(section: Section, key: str) -> bool:
    """Tell whether a key has another value than its default, or than one that means the same."""
    value, field = getattr(section, key), type(section).model_fields[key]
    default = field.get_default(call_default_factory=True, validated_data={})
    return value not in (default, *ALSO_DEFAULT.get(key, ()))


def rate_callback(callbacks: CallbacksSection) -> str | None:
    """Return the name of the callback that sets the learning rate, if there is one; the section refuses two."""
    return next((name for name in RATE_CALLBACKS if getattr(callbacks, name) is not None), None)


def _schedule(training: TrainingSection) -> Iterator[Idle]:
    section = training.lr_scheduler
    callback = rate_callback(training.callbacks)
    if callback is not None:
        yield from _under_callback(section, callback)
        return
    for key, schedules in section.schedules_of_key.items():
        if is_set(section, key) and section.sched not in schedules:
            message = f"it has no effect with sched: {section.sched}"
            owners = f"; it belongs to {', '.join(schedules)}" if schedules else ""
            yield Idle(f"lr_scheduler.{key}", message, f"Remove it{owners}")
    if section.lr is not None:
        for key in BY_BATCH:
            if is_set(section, key):
                yield Idle(f"lr_scheduler.{key}", "it has no effect beside lr", "Remove it, or lr")
    yield from _parts_of_schedules(section)


def _under_callback(section: LrSchedulerSection, callback: str) -> Iterator[Idle]:
    hint = f"Remove it, or training.callbacks.{callback}"
    message = f"training.callbacks.{callback} sets the learning rate, so it has no effect"
    if section.sched not in ("cosine", NONE):  # the default, and what a constant rate is written as
        yield Idle("lr_scheduler.sched", message, hint)
    for key in section.schedules_of_key:
        if is_set(section, key):
            yield Idle(f"lr_scheduler.{key}", message, hint)


def _parts_of_schedules(section: LrSchedulerSection) -> Iterator[Idle]:
    """Return keys that refine a part of the schedule which is not there."""
    parts = (
        (section.lr_noise is None, ("lr_noise_pct", "lr_noise_std"), "there is no lr_noise", "Set lr_noise"),
        (section.lr_cycle_limit == 1, ("lr_cycle_mul", "lr_cycle_decay"), "there is one cycle", "Set lr_cycle_limit"),
        (section.warmup_epochs == 0, ("warmup_lr", "warmup_prefix"), "there is no warm-up", "Set warmup_epochs"),
    )
    for absent, keys, reason, cure in parts:
        for key in keys:
            if absent and is_set(section, key) and section.sched in section.schedules_of_key.get(key, ()):
                yield Idle(f"lr_scheduler.{key}", f"{reason}, so it has no effect", f"{cure}, or remove it")


def _needing(training: TrainingSection) -> Iterator[Idle]:
    """Return options that refine another one which is off."""
    if is_set(training, "amp_dtype") and not training.amp:
        yield Idle("amp_dtype", "it has no effect without amp", "Set amp: True, or remove it")
    for key in ("model_ema_decay", "model_ema_force_cpu", "model_ema_warmup"):
        if is_set(training, key) and not training.model_ema:
            yield Idle(key, "it has no effect without model_ema", "Set model_ema: True, or remove it")
    if is_set(training.optimizer, "clip_mode") and training.optimizer.clip_grad is None:
        yield Idle("optimizer.clip_mode", "it has no effect without clip_grad", "Set clip_grad, or remove it")


def _alone(training: TrainingSection) -> Iterator[Idle]:
    """Return options about several training processes when there is one."""
    if training.devices * training.num_nodes > 1:
        return
    wanted = {"sync_bn": True, "no_ddp_bb": True, "dist_bn": "broadcast"}
    for key, value in wanted.items():
        if getattr(training, key) == value:
            yield Idle(key, "it has no effect in a single process", "Set devices to the number of GPUs, or remove it")


def _contradictions(training: TrainingSection) -> Iterator[Idle]:
    checkpoint = training.callbacks.ModelCheckpoint
    by_callback = None if checkpoint is None else checkpoint.monitor
    if None not in (by_callback, training.eval_metric) and by_callback != training.eval_metric:
        message = f"it is {training.eval_metric}, but callbacks.ModelCheckpoint.monitor is {by_callback}"
        yield Idle("eval_metric", message, "Keep one of them")
    if training.sync_bn and training.split_bn:
        message = "sync_bn and split_bn both replace the batch normalisation"
        yield Idle("split_bn", message, "Keep one of them")
    if training.resume_training_from is not None and training.lr_scheduler.start_epoch:
        message = "a resumed training knows its epoch"
        yield Idle("lr_scheduler.start_epoch", message, "Remove it, or resume_training_from")
