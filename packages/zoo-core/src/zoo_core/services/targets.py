"""Own the way from a chosen target to its abilities, with a clear answer when one is lacking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo_core.artifacts import Artifact, OnnxModel
from zoo_core.errors import MissingError, UserError
from zoo_core.plugins.guard import plugin_code
from zoo_core.protocols import InferenceSession
from zoo_core.specs import INFER

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved
    from zoo_core.services.context import RunContext

DOES = {"benchmark": "be benchmarked on", "deploy": "be deployed to", "infer": "compute single images"}


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


def open_on_target(context: RunContext, name: str, model: Artifact) -> InferenceSession:
    """Open a model on a target other than this process.

    Raises:
        UserError: When the model is no ONNX file or the target cannot compute single images.
    """
    if not isinstance(model, OnnxModel):
        raise UserError(f'Target "{name}" takes ONNX models; this one is {model.path.name}.')
    resolved = context.loaded.catalog.targets.resolve(name)
    session: InferenceSession = build_target(context, resolved, INFER).open(model)
    return session
