"""Own the way from a chosen target to its abilities, with a clear answer when one is lacking."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact, QuantizedOnnx
from zoo_core.errors import MissingError, UserError
from zoo_core.plugins.guard import plugin_code
from zoo_core.protocols import InferenceSession
from zoo_core.services.plan import READABLE
from zoo_core.specs import INFER, QuantizationLimits

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.services.context import RunContext

HOST = "host"
"""Name of the target that is this machine; every kind of model is computed there without a plugin."""


def build_target(context: RunContext, resolved: Resolved[Any], ability: str) -> Any:
    """Build a target and refuse one that lacks an ability or is not ready.

    Raises:
        UserError: When the target cannot do what the stage asks of it.
        MissingError: When a tool, a login or a board that it needs is not there.
    """
    spec = resolved.spec
    if ability not in spec.abilities:
        able = ", ".join(sorted(spec.abilities)) or "nothing"
        raise UserError(f'Target "{spec.name}" cannot {ability}; it can {able}.', hint="See: zoo list targets")
    with plugin_code(resolved.distribution, resolved.version, f"build of target {spec.name}"):
        target = spec.build.load()(context.config)
        problems = target.check(ability)
    if problems:
        raise MissingError("\n".join([f'Target "{spec.name}" is not ready:', *(f"  {text}" for text in problems)]))
    return target


@contextmanager
def opened(context: RunContext, target: str, model: Artifact) -> Iterator[InferenceSession]:
    """Open a model on this machine or on another target; what the target holds is given back at the end.

    Raises:
        UserError: When the target does not take such a model or cannot compute single images.
        MissingError: When a tool, a login or a board that it needs is not there.
        PluginError: When the target fails while it opens the model.
    """
    session = context.open_session(model) if target == HOST else _open(context, target, model)
    try:
        yield session
    finally:
        close = getattr(session, "close", None)
        if close is not None:
            close()


def accepted(resolved: Resolved[Any], target: Any) -> tuple[type[Artifact], ...]:
    """Return the kinds of models that a target takes: what it says itself, else what its spec says."""
    kinds: tuple[type[Artifact], ...] = getattr(target, "accepts", resolved.spec.accepts)
    return kinds


def refuse_model(resolved: Resolved[Any], kind: type[Artifact], target: Any = None) -> None:
    """Refuse a kind of model that a target does not take.

    Raises:
        UserError: Naming what it takes.
    """
    spec = resolved.spec
    kinds = accepted(resolved, target)
    if not issubclass(kind, kinds):
        taken = " or ".join(READABLE[taken.kind] for taken in kinds)
        raise UserError(
            f'Target "{spec.name}" takes {taken}, not {READABLE[kind.kind]}.',
            hint=f"Quantize before (a q in operation_mode), give such a file as model.model_path, or choose {HOST}."
            if issubclass(QuantizedOnnx, kinds)
            else f"Set model.model_path to such a file, or the target to {HOST}.",
        )


def _open(context: RunContext, name: str, model: Artifact) -> InferenceSession:
    resolved = context.loaded.catalog.targets.resolve(name)
    refuse_model(resolved, type(model))
    target = build_target(context, resolved, INFER)
    with context.code_of(resolved, "opening a model"):
        session: InferenceSession = target.open(model, context.progress)
    return session


def limits_of(context: RunContext) -> QuantizationLimits:
    """Return what all boards of a run take of a quantized model, in the order of preference of the first."""
    chosen = (context.selection.benchmark_target, context.selection.deploy_target)
    found = [resolved.spec.quantization for resolved in chosen if resolved is not None]
    return reduce(and_, found) if found else QuantizationLimits()
