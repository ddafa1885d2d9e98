"""Own ST's torch detection files: augmentation inside `dataset`, schedule and optimizer in keys of the trainers."""

from __future__ import annotations

import copy
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, Moves, is_nothing, look, put, take
from zoo_core.names import did_you_mean

TRAINERS = ("yolod", "ssd")
AUGMENTATION = (
    "multiscale_range",
    "random_size",
    "mosaic_prob",
    "mixup_prob",
    "hsv_prob",
    "flip_prob",
    "degrees",
    "translate",
    "mosaic_scale",
    "enable_mixup",
    "mixup_scale",
    "shear",
)
MOVED = {
    "dataset.num_workers": "dataset.workers",
    "dataset.classes_name_file": "dataset.classes_file_path",
    "dataset.train_xml_dir": "dataset.train_annotations_path",
    "dataset.val_xml_dir": "dataset.val_annotations_path",
    "dataset.test_xml_dir": "dataset.test_annotations_path",
    "training.trainer_name": "training.trainer",
    "training.scheduler": "training.lr_scheduler.sched",
    "training.warmup_epochs": "training.lr_scheduler.warmup_epochs",
    "training.warmup_lr": "training.lr_scheduler.warmup_lr",
    "training.min_lr_ratio": "training.lr_scheduler.min_lr_ratio",
    "training.t_max": "training.lr_scheduler.t_max",
    "training.gamma": "training.lr_scheduler.decay_rate",
    "training.milestones": "training.lr_scheduler.decay_milestones",
    "training.start_epoch": "training.lr_scheduler.start_epoch",
    "general.start_epoch": "training.lr_scheduler.start_epoch",
    "training.momentum": "training.optimizer.momentum",
    "training.weight_decay": "training.optimizer.weight_decay",
    "training.ema": "training.model_ema",
    "training.fp16": "training.amp",
    "general.fp16": "training.amp",
    "training.print_interval": "training.log_interval",
    "training.eval_interval": "training.validation_epochs",
}
OPTIMIZERS = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw"}
OF_OPTIMIZER = {
    "learning_rate": "training.lr_scheduler.lr",
    "lr": "training.lr_scheduler.lr",
    "warmup_lr": "training.lr_scheduler.warmup_lr",
    "min_lr_ratio": "training.lr_scheduler.min_lr_ratio",
    "momentum": "training.optimizer.momentum",
    "weight_decay": "training.optimizer.weight_decay",
    "betas": "training.optimizer.opt_betas",
}
OPTIMIZER = "training.optimizer"
HISTORY = "training.save_history_ckpt"
UNUSED = ("general.occupy", "general.logger", "general.resume_training")
PATHS = ("training_path", "validation_path", "test_path")


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with the keys of ST's detection trainers in the canonical places."""
    data = copy.deepcopy(data)
    _move_optimizer(data, moves)
    for old, new in MOVED.items():
        if not _drop_nothing(data, old):
            moves.move(data, old, new)
    for name in AUGMENTATION:
        moves.move(data, f"dataset.{name}", f"data_augmentation.{name}")
    for name in PATHS:
        _drop_nothing(data, f"dataset.{name}")
    _move_history(data, moves)
    for key in UNUSED:
        if take(data, key) is not ABSENT:
            moves.notes.append(f"{key} has no effect here")
    return data


def _drop_nothing(data: dict[str, Any], key: str) -> bool:
    """Remove a key that is there without a value; tell whether it was."""
    if (value := look(data, key)) is ABSENT or not is_nothing(value):
        return False
    take(data, key)
    return True


def _move_optimizer(data: dict[str, Any], moves: Moves) -> None:
    """Take `optimizer: {SGD: {learning_rate: ...}}` of the two trainers apart; their SGD has a momentum of 0.9."""
    section = look(data, OPTIMIZER)
    if not (_trainer(data) in TRAINERS and isinstance(section, dict) and len(section) == 1):
        return
    ((name, arguments),) = section.items()
    if not (isinstance(arguments, dict) or is_nothing(arguments)) or name in ("opt", "momentum", "weight_decay"):
        return
    known = {label.casefold(): label for label in OPTIMIZERS}.get(str(name).casefold())
    if known is None:
        hint = did_you_mean(str(name), OPTIMIZERS) or f"Known are {', '.join(OPTIMIZERS)}"
        moves.complain(f"{OPTIMIZER}.{name}", "there is no such optimizer", hint)
        take(data, OPTIMIZER)
        return
    prefix = f"{OPTIMIZER}.{name}"
    put(data, OPTIMIZER, {})
    moves.place(data, OPTIMIZERS[known], prefix, f"{OPTIMIZER}.opt", f"{prefix} is read as timm's {OPTIMIZERS[known]}")
    for key, value in (arguments or {}).items():
        if key not in OF_OPTIMIZER:
            near = did_you_mean(str(key), OF_OPTIMIZER)
            moves.complain(f"{prefix}.{key}", f"{name} has no argument of this name here", near)
        elif not is_nothing(value):
            new = OF_OPTIMIZER[key]
            moves.place(data, value, f"{prefix}.{key}", new, f"{prefix}.{key} is read as {new}")


def _trainer(data: dict[str, Any]) -> Any:
    found = look(data, "training.trainer_name")
    return look(data, "training.trainer") if found is ABSENT else found


def _move_history(data: dict[str, Any], moves: Moves) -> None:
    """Read `save_history_ckpt` as the number of epochs whose checkpoint is kept: all or none."""
    wanted = take(data, HISTORY)
    if wanted is ABSENT or is_nothing(wanted):
        return
    if str(wanted).casefold() not in ("true", "false"):
        moves.complain(HISTORY, f"expected True or False, found {wanted!r}")
        return
    new = "training.checkpoint_hist"
    epochs = look(data, "training.epochs") if str(wanted).casefold() == "true" else 0
    moves.place(data, epochs, HISTORY, new, f"{HISTORY} {wanted} is read as {new} {epochs}")
