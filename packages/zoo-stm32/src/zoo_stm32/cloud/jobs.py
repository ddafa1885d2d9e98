"""Own the jobs that run on the service: finding one again, starting one, waiting for its end."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from zoo_core.protocols import Progress, ProgressTask
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.job_file import IDENTIFIER, Job, JobFile
from zoo_stm32.cloud.secret import one_line
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.transport import Request

DONE: Final = "done"
FAILED: Final = "error"
WHOLE: Final = 100
LONGEST_STATE: Final = 40
HINTS: Final = {
    "generating_sources": "The tool could not turn the model into C: check its operators and the options.",
    "building": "The firmware could not be built: the model may be too large for the board.",
    "flashing": "The board of the farm could not be programmed: run again, or choose another board.",
    "validation": "The firmware did not run on the board: run again, or choose another board.",
}


def fingerprint(*parts: object) -> str:
    """Return a hash of what a job is asked to do."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def identifier_of(answer: Mapping[str, Any], name: str, what: str) -> str:
    """Return the identifier that the service gave to a new job.

    Raises:
        CloudError: When it gave none.
    """
    found = answer.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or IDENTIFIER.fullmatch(found) is None:
        raise ChangedServiceError(f"The Developer Cloud started no {what}: its answer has no {name}.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Say how to wait for a job."""

    url: str
    """Address below which the job has its own."""
    title: str
    limit: float
    """Seconds for the whole job."""
    ends_with_result: bool = False
    """Whether a result means the end whatever the state is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Say what job is wanted, how to start it and how to wait for it."""

    kind: str
    request: str
    host: str
    start: Callable[[], str]
    waiting: Waiting


class JobFailedError(CloudError):
    """Report that the service gave a job up: in which state and why."""

    def __init__(self, message: str, *, state: str, hint: str) -> None:
        super().__init__(message, cause=CloudCause.JOB, hint=hint)
        self.state = state


def finish(session: Session, jobs: JobFile, task: Task, progress: Progress) -> Mapping[str, Any]:
    """Return the last answer of a job, which is the one started before for the same request if there is one.

    Raises:
        JobFailedError: When the job ends in an error; the next run starts another.
        CloudError: When it does not end in time or the service cannot be asked; the next run goes on with it.
    """
    earlier = jobs.find(task.kind, task.request, task.host)
    if earlier is not None:
        try:
            return _wait(session, jobs, earlier, task.waiting, progress)
        except CloudError as error:
            if error.cause is not CloudCause.NOT_FOUND:
                raise
            jobs.forget(task.kind)
    job = Job(identifier=task.start(), kind=task.kind, request=task.request, host=task.host)
    jobs.keep(job)
    return _wait(session, jobs, job, task.waiting, progress)


def _wait(session: Session, jobs: JobFile, job: Job, waiting: Waiting, progress: Progress) -> Mapping[str, Any]:
    try:
        return wait(session, job, waiting, progress)
    except JobFailedError:
        jobs.forget(job.kind)
        raise


def wait(session: Session, job: Job, waiting: Waiting, progress: Progress) -> Mapping[str, Any]:
    """Return the last answer of a job when it is done, showing its state all the while.

    Raises:
        JobFailedError: When the job ends in an error.
        CloudError: When it does not end in time, or the service cannot be asked.
    """
    deadline = time.monotonic() + waiting.limit
    what = f"the {job.kind} {job.identifier}"
    request = Request(method="GET", url=f"{waiting.url}/{job.identifier}", what=what, repeatable=True)
    state = "started"
    with ExitStack() as bars:
        bar = _Bar(bars, progress, waiting.title)
        while True:
            reply = session.send(request)
            answer = session.masked(session.read_object(reply, what))
            before, state = state, _state(answer, what)
            bar.show(state, answer)
            if state == FAILED:
                raise _failure(session, job, before, answer)
            if state == DONE or (waiting.ends_with_result and answer.get("result") is not None):
                return answer
            if time.monotonic() + session.limits.poll > deadline:
                raise CloudError(
                    f"The {job.kind} {job.identifier} on the Developer Cloud was not done after "
                    f"{waiting.limit:.0f} s; its state is {state}.",
                    cause=CloudCause.TIMEOUT,
                    hint="Run again with the same run folder to go on waiting for the same job.",
                )
            time.sleep(session.limits.poll)


class _Bar:
    """Show one bar for each state of a job."""

    def __init__(self, bars: ExitStack, progress: Progress, title: str) -> None:
        self._bars = bars
        self._progress = progress
        self._title = title
        self._state = ""
        self._shown = 0
        self._task: ProgressTask | None = None

    def show(self, state: str, answer: Mapping[str, Any]) -> None:
        """Open the bar of a new state, or move the open one on."""
        if state != self._state:
            self._bars.close()
            label = f"{self._title}: {state.replace('_', ' ')}"
            self._task = self._bars.enter_context(self._progress.track(label, WHOLE))
            self._state, self._shown = state, 0
        percent = WHOLE if state == DONE else _percent(answer.get("progress"))
        if self._task is not None and percent > self._shown:
            self._task.advance(percent - self._shown)
            self._shown = percent


def _state(answer: Mapping[str, Any], what: str) -> str:
    state = answer.get("state")
    if not isinstance(state, str) or not state:
        raise ChangedServiceError(f"Developer Cloud, {what}: the answer names no state.")
    return one_line(state.lower(), LONGEST_STATE)


def _failure(session: Session, job: Job, before: str, answer: Mapping[str, Any]) -> JobFailedError:
    result = answer.get("result")
    inner = result if isinstance(result, dict) else {}
    found = answer.get("message") or inner.get("message") or answer.get("error") or inner.get("error")
    said = session.shown(found if isinstance(found, str) else json.dumps(found)) if found else "no reason is given"
    where = before.replace("_", " ")
    return JobFailedError(
        f"The {job.kind} {job.identifier} on the Developer Cloud failed while in state `{where}`: {said}",
        state=before,
        hint=HINTS.get(before, "Run again; a new job is started."),
    )


def _percent(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= WHOLE:
        return 0
    return int(value)
