"""Own what is looked at before a run starts: plan, components, targets, model file, data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo_core.artifacts import Checkpoint
from zoo_core.errors import MissingError, UserError
from zoo_core.services.context import RunContext
from zoo_core.services.evaluation import EvaluationService
from zoo_core.services.plan import TRAINING, WEIGHTS, Plan, plan_chain
from zoo_core.services.prediction import PredictionService
from zoo_core.services.table import SERVICES
from zoo_core.services.targets import HOST, build_target, refuse_model
from zoo_core.specs import BENCHMARK, DEPLOY, INFER

if TYPE_CHECKING:
    from zoo_core.config.load import LoadedConfig
    from zoo_core.config.sections import RunConfig
    from zoo_core.plugins.registry import Resolved
    from zoo_core.specs import TargetSpec


def plan_run(context: RunContext) -> Plan:
    """Plan the chain of a configuration around the model that the user gives.

    Raises:
        ChainError: When a stage needs a model that nothing before it makes.
    """
    given = None if context.model_file is None else type(context.model_file.artifact)
    loaded = context.loaded
    return plan_chain(loaded.letters, SERVICES, given=given, pretrained=loaded.config.model.pretrained)


def needed_splits(config: RunConfig, letters: str) -> frozenset[str]:
    """Return the splits that the services of a chain read."""
    return frozenset().union(*(SERVICES[letter].reads(config) for letter in letters))


def refuse_missing(loaded: LoadedConfig) -> None:
    """Refuse components that no installed plugin provides.

    Raises:
        MissingError: Naming each, and the plugins that could provide it.
    """
    if loaded.selection.missing:
        raise MissingError("\n".join(missing.message for missing in loaded.selection.missing))


def check_before_start(context: RunContext, plan: Plan) -> None:
    """Build what can be built cheaply, so that every fault of tools, model and data shows before work starts.

    Raises:
        ZooError: What is wrong.
    """
    refuse_missing(context.loaded)
    if "b" in plan.letters:
        _check_target(
            context, plan, "b", context.require(context.selection.benchmark_target, "benchmarking"), BENCHMARK
        )
    if "d" in plan.letters:
        _check_target(context, plan, "d", context.require(context.selection.deploy_target, "deployment"), DEPLOY)
    _check_inference(context, plan)
    for split in sorted(needed_splits(context.config, plan.letters)):
        context.datasets.get(split)
    context.check_model_file()
    given = context.model_file
    if given is not None and isinstance(given.artifact, Checkpoint) and TRAINING not in plan.letters:
        context.load_model(given.artifact)
    elif TRAINING in plan.letters:
        _check_training(context)
    elif WEIGHTS in plan.letters:
        context.build_model()


def _check_target(context: RunContext, plan: Plan, letter: str, resolved: Resolved[TargetSpec], ability: str) -> None:
    """Build a target and refuse models that it does not take."""
    target = build_target(context, resolved, ability)
    for planned in plan.stages:
        if planned.letter == letter and planned.takes is not None:
            refuse_model(resolved, planned.takes.kind, target)
    if "q" in plan.letters:
        _refuse_formats(context, resolved)


def _refuse_formats(context: RunContext, resolved: Resolved[TargetSpec]) -> None:
    """Refuse number formats of the quantization that a target does not take."""
    section, limits = context.config.quantization, resolved.spec.quantization
    if section is None:
        return
    for key, taken in (("weightType", limits.weight_types), ("activType", limits.activation_types)):
        asked = section.formats.get(key)
        if asked is not None and asked not in taken:
            raise UserError(
                f'quantization.onnx_quant_parameters.{key}: target "{resolved.spec.name}" does not take {asked}.',
                hint=f"Expected {' or '.join(sorted(taken))}.",
            )
    if section.granularity not in limits.granularities and "granularity" in section.model_fields_set:
        raise UserError(
            f'quantization.granularity: target "{resolved.spec.name}" does not take {section.granularity}.',
            hint=f"Expected {' or '.join(limits.granularities)}.",
        )


def _check_inference(context: RunContext, plan: Plan) -> None:
    """Build each target other than this machine once that computes models for evaluation or prediction."""
    config = context.config
    names = {EvaluationService.letter: config.evaluation.target, PredictionService.letter: config.prediction.target}
    targets = {}
    for letter, name in names.items():
        kinds = [one.takes.kind for one in plan.stages if one.letter == letter and one.takes is not None]
        if name == HOST or not kinds:
            continue
        resolved = context.loaded.catalog.targets.resolve(name)
        if letter == PredictionService.letter or not any(issubclass(kind, resolved.spec.accepts) for kind in kinds):
            refuse_model(resolved, kinds[0])  # the float model in `eqe` is evaluated here, as ST's services do it
        targets[resolved.qualified] = resolved
    for resolved in targets.values():
        build_target(context, resolved, INFER)


def _check_training(context: RunContext) -> None:
    """Build the model as the training will and let the trainer look at it."""
    model = context.build_model() if context.resumed_file is None else context.build_without_pretrained()
    trainer = context.require(context.selection.trainer, "training.trainer")
    with context.code_of(trainer, "check"):
        trainer.spec.build.load()(context.config).check(model, context.task, context.config.training)
