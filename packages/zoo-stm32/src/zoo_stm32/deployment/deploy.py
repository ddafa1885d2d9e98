"""Own the order of a deployment: each step once, stopping at the first failure, going on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from zoo_core.artifacts import hash_file
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.protocols import Progress
from zoo_core.runs.files import disk_errors
from zoo_stm32.deployment import mcu, mpu
from zoo_stm32.deployment.context import Context
from zoo_stm32.deployment.job import CHECK, MCU_STEPS, MPU, MPU_STEPS, DeployJob, DeployOutcome, StepOutcome
from zoo_stm32.deployment.layouts import layout_of
from zoo_stm32.deployment.state import State
from zoo_stm32.stedgeai.process import cannot_write


def steps_for(job: DeployJob) -> tuple[str, ...]:
    """Return the steps of a deployment to the job's board, in their order.

    Raises:
        UserError: When ST has no application for the board.
    """
    if job.board.series in MPU:
        return MPU_STEPS
    layout_of(job.board)
    return MCU_STEPS


def deploy(job: DeployJob, steps: Sequence[str] | None, progress: Progress) -> DeployOutcome:
    """Put a model into an application and onto a board.

    Args:
        job: What is deployed, from where, to which board.
        steps: Steps to run, each alone; without them all, from where an interrupted deployment of the same job stopped.
        progress: Where to show how far it is.

    Raises:
        MissingError: When a tool, a probe or a part of the project lacks; nothing was changed then.
        ZooError: When a step fails; the steps before it are kept.
    """
    legal = steps_for(job)
    wanted = _chosen(steps, legal)
    with disk_errors(job.folder):
        job.folder.mkdir(parents=True, exist_ok=True)
    state = State.open(job.folder, _fingerprint(job), job.board.name)
    todo = wanted if steps is not None else _remaining(state, legal)
    context = Context(job=job, state=state, progress=progress, planned=todo)
    outcomes = [kept for name in wanted if name not in todo and (kept := state.ended(name)) is not None]
    functions: Mapping[str, Callable[[Context], StepOutcome]] = mpu.STEPS if job.board.series in MPU else mcu.STEPS
    with progress.track(f"Deploying to {job.board.name}", len(todo)) as task:
        for name in todo:
            later = () if name == CHECK else legal[legal.index(name) + 1 :]
            outcomes.append(_run(name, later, functions[name], context))
            task.advance(1)
    return DeployOutcome(
        steps=tuple(outcomes),
        notes=tuple(context.notes),
        report=state.report,
        sizes=state.sizes,
        state=state.path,
    )


def _chosen(steps: Sequence[str] | None, legal: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [step for step in steps or () if step not in legal]
    if unknown:
        raise UserError(
            f"deployment.steps: {', '.join(unknown)} is no step for this board.", hint=f"Steps: {', '.join(legal)}."
        )
    return legal if steps is None else tuple(step for step in legal if step in steps)


def _remaining(state: State, legal: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is left to do; the check is made anew because boards and cables come and go."""
    left = state.unfinished(legal)
    return left if CHECK in left else (CHECK, *left)


def _run(name: str, later: Sequence[str], function: Callable[[Context], StepOutcome], context: Context) -> StepOutcome:
    context.state.begin(name, later)
    try:
        outcome = function(context)
    except ZooError as error:
        context.state.fail(name, str(error))
        raise _in_step(name, error) from error
    except OSError as error:
        failed = cannot_write(context.job.folder, error)
        context.state.fail(name, str(failed))
        raise _in_step(name, failed) from error
    context.state.end(outcome)
    return outcome


def _in_step(name: str, error: ZooError) -> ZooError:
    kind = next((one for one in (MissingError, UserError) if isinstance(error, one)), ZooError)
    return kind(f"Deployment stopped at the step {name}. {error.message}", hint=error.hint)


def _fingerprint(job: DeployJob) -> str:
    """Return a hash of all that decides what is made; another one starts a deployment from the beginning."""
    parts = (
        job.board.name,
        hash_file(job.model) if job.model.is_file() else "",
        repr(job.values),
        repr(job.options),
        str(job.project),
        str(job.configuration),
        str(job.application_bytes),
        repr(job.host),
        repr(job.class_names),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
