"""Own Keras optimizers: `Adam`, or `{Adam: {learning_rate: 0.001}}`, with the defaults that Keras gives them.

Names and defaults follow https://keras.io/api/optimizers/.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from zoo_core.config.dialects.moves import ABSENT, Moves, is_nothing, look, put, take
from zoo_core.config.training_sections import OptimizerSection
from zoo_core.names import did_you_mean

SECTION = "training.optimizer"
SCHEDULER = "training.lr_scheduler"
RATE = "training.learning_rate"
OWN_KEY = "opt"


@dataclass(frozen=True, slots=True)
class KerasOptimizer:
    """Say which of timm's optimizers computes the same, and with which of its arguments."""

    opt: str
    learning_rate: float = 0.001
    arguments: dict[str, str] = field(default_factory=dict)
    """Argument in Keras -> key of the `optimizer` section; `options.x` for an argument of the optimizer itself."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Defaults of Keras where ours differ, by key of the `optimizer` section."""


EPSILON = {"epsilon": "opt_eps"}
BETAS = ("beta_1", "beta_2")
CLIPPING = {"clipnorm": "norm", "global_clipnorm": "norm", "clipvalue": "value"}
COMMON = {"weight_decay": "weight_decay"}
NO_DECAY = {"weight_decay": 0.0}
USUAL = {"opt_eps": 1e-7, **NO_DECAY}
IGNORED = ("name", "jit_compile")

OPTIMIZERS = {
    "SGD": KerasOptimizer("momentum", 0.01, {"momentum": "momentum"}, {"momentum": 0.0, **NO_DECAY}),
    "RMSprop": KerasOptimizer(
        "rmsprop",
        arguments={"rho": "options.alpha", "momentum": "momentum", "centered": "options.centered", **EPSILON},
        defaults={"momentum": 0.0, "options": {"alpha": 0.9}, **USUAL},
    ),
    "Adam": KerasOptimizer("adam", arguments={"amsgrad": "options.amsgrad", **EPSILON}, defaults=USUAL),
    "AdamW": KerasOptimizer(
        "adamw", arguments={"amsgrad": "options.amsgrad", **EPSILON}, defaults={**USUAL, "weight_decay": 0.004}
    ),
    "Nadam": KerasOptimizer("nadam", arguments=EPSILON, defaults=USUAL),
    "Adamax": KerasOptimizer("adamax", arguments=EPSILON, defaults=USUAL),
    "Adagrad": KerasOptimizer(
        "adagrad",
        arguments={"initial_accumulator_value": "options.initial_accumulator_value", **EPSILON},
        defaults={"options": {"initial_accumulator_value": 0.1}, **USUAL},
    ),
    "Adadelta": KerasOptimizer(
        "adadelta", arguments={"rho": "options.rho", **EPSILON}, defaults={"options": {"rho": 0.95}, **USUAL}
    ),
    "Lion": KerasOptimizer("lion", defaults=NO_DECAY),
}
BY_FOLDED_NAME = {name.casefold(): name for name in OPTIMIZERS}


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with the optimizer by timm's name and the learning rate in `lr_scheduler`."""
    section = look(data, SECTION)
    asked = _asked(section)
    if asked is None:
        return data
    data = copy.deepcopy(data)
    name, arguments = asked
    if name.casefold() not in BY_FOLDED_NAME:
        if isinstance(section, str):
            put(data, SECTION, {OWN_KEY: section})
            moves.written_as[f"{SECTION}.{OWN_KEY}"] = SECTION
        else:
            near = did_you_mean(name, OPTIMIZERS)
            moves.complain(
                f"{SECTION}.{name}", "there is no such optimizer", near or f"Known are {', '.join(OPTIMIZERS)}"
            )
            take(data, SECTION)
        return data
    prefix = SECTION if isinstance(section, str) else f"{SECTION}.{name}"
    _replace(data, BY_FOLDED_NAME[name.casefold()], dict(arguments), prefix, moves)
    return data


def _asked(section: Any) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the arguments of an optimizer in Keras' form."""
    if isinstance(section, str) and not is_nothing(section):
        return section, {}
    if isinstance(section, dict) and len(section) == 1:
        ((name, arguments),) = section.items()
        if isinstance(arguments, dict) and name not in OptimizerSection.model_fields:
            return name, arguments
        if is_nothing(arguments) and name.casefold() in BY_FOLDED_NAME:
            return name, {}
    return None


def _replace(data: dict[str, Any], name: str, arguments: dict[str, Any], prefix: str, moves: Moves) -> None:
    known = OPTIMIZERS[name]
    given = {key: value for key, value in arguments.items() if not is_nothing(value) and key not in IGNORED}
    section: dict[str, Any] = copy.deepcopy({OWN_KEY: known.opt, **known.defaults})
    rate = given.pop("learning_rate", given.pop("lr", ABSENT))
    table = {**COMMON, **known.arguments}
    for key in list(given):
        if key in table:
            put(section, table[key], given.pop(key))
            moves.written_as[f"{SECTION}.{table[key]}"] = f"{prefix}.{key}"
    _read_special(name, given, section)
    for key in ("opt_betas", "clip_grad"):
        moves.written_as[f"{SECTION}.{key}"] = prefix
    for key in given:
        near = did_you_mean(key, [*table, "learning_rate", *CLIPPING])
        moves.complain(f"{prefix}.{key}", f"{name} has no argument of this name here", near)
    put(data, SECTION, section)
    moves.written_as[f"{SECTION}.{OWN_KEY}"] = prefix
    _put_rate(data, known.learning_rate if rate is ABSENT else rate, prefix, moves)
    moves.notes.append(f"the Keras optimizer {name} is read as timm's {section[OWN_KEY]} with a constant learning rate")


def _read_special(name: str, given: dict[str, Any], section: dict[str, Any]) -> None:
    """Take the arguments that stand for several of ours, or several for one."""
    if name == "SGD" and str(given.pop("nesterov", False)).casefold() == "true":
        section[OWN_KEY] = "sgd"  # timm's `sgd` is the one with Nesterov momentum
    if any(key in given for key in BETAS):
        section["opt_betas"] = [given.pop("beta_1", 0.9), given.pop("beta_2", 0.99 if name == "Lion" else 0.999)]
    for key, mode in CLIPPING.items():
        if key in given:
            section.update(clip_grad=given.pop(key), clip_mode=mode)


def _put_rate(data: dict[str, Any], rate: Any, prefix: str, moves: Moves) -> None:
    if isinstance(rate, dict):
        hint = "Write a number here and the schedule as lr_scheduler or a callback"
        moves.complain(f"{prefix}.learning_rate", "a schedule cannot stand inside the optimizer", hint)
        return
    beside = take(data, RATE)
    defaults = {"lr": rate if beside is ABSENT else beside, "sched": "none", "warmup_epochs": 0}
    moves.written_as[f"{SCHEDULER}.lr"] = f"{prefix}.learning_rate" if beside is ABSENT else RATE
    present = look(data, SCHEDULER)
    own = present if isinstance(present, dict) else {}
    put(data, SCHEDULER, {**defaults, **{key: value for key, value in own.items() if not is_nothing(value)}})
