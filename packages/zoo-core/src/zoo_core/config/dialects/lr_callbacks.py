"""Own the learning-rate callbacks of ST's services: each is rewritten as one `lambda epoch, lr: ...`.

Shapes follow their documentation; the restarts are those of SGDR (Loshchilov and Hutter, ICLR 2017).
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from zoo_core.config.dialects.lr_formulas import FORMULAS, LrCallback
from zoo_core.config.dialects.moves import Moves, is_nothing, look, put
from zoo_core.config.explain import faults

SECTION = "training.callbacks"
TARGET = "LearningRateScheduler"
OLD_SPELLINGS = {"initial_learning_rate": "initial_lr", "end_learning_rate": "end_lr"}


def rewrite(data: dict[str, Any], moves: Moves) -> dict[str, Any]:
    """Return the file with every callback that sets the learning rate as a formula of the epoch."""
    callbacks = look(data, SECTION)
    if not isinstance(callbacks, dict) or not any(name in FORMULAS for name in callbacks):
        return data
    data = copy.deepcopy(data)
    callbacks = look(data, SECTION)
    asked = [name for name in callbacks if name in FORMULAS]
    rivals = [*asked, *(name for name in (TARGET, "ReduceLROnPlateau") if not is_nothing(callbacks.get(name)))]
    if len(rivals) > 1:
        moves.complain(SECTION, f"{' and '.join(rivals)} all set the learning rate", "Keep one of them")
    for name in asked:
        arguments = callbacks.pop(name)
        formula = _formula(name, {} if is_nothing(arguments) else arguments, moves)
        if formula is not None and len(rivals) == 1:
            put(data, f"{SECTION}.{TARGET}", formula)
            moves.note(f"{SECTION}.{name}", f"{SECTION}.{TARGET}", f"{name} is read as {formula['schedule']}")
    return data


def _formula(name: str, arguments: Any, moves: Moves) -> dict[str, Any] | None:
    if not isinstance(arguments, dict):
        moves.complain(f"{SECTION}.{name}", f"expected a section, found {arguments!r}")
        return None
    kind: type[LrCallback] = FORMULAS[name]
    spelled: dict[str, Any] = {OLD_SPELLINGS.get(str(key), str(key)): value for key, value in arguments.items()}
    spellings = {new: old for old, new in OLD_SPELLINGS.items() if old in arguments}
    try:
        callback = kind.model_validate(spelled)
    except ValidationError as error:
        for fault in faults(error, kind, spelled):
            key = spellings.get(fault.key, fault.key)
            moves.complain(f"{SECTION}.{name}.{key}" if key else f"{SECTION}.{name}", fault.message, fault.hint)
        return None
    return {"schedule": f"lambda epoch, lr: {callback.formula()}", "verbose": callback.verbose}
