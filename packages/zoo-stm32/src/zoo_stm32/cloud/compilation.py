"""Own the runs of the command-line tool on the service: analysis, generation, validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zoo_core.protocols import Progress
from zoo_stm32.cloud.bodies import form_body, multipart_body
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.files import fetch_generated
from zoo_stm32.cloud.job_file import Job
from zoo_stm32.cloud.jobs import Waiting, fingerprint, identifier_of, wait
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.transport import Request

ZIP_START: Final = b"PK"
NAMES: Final = {"analyze": "analysis", "generate": "generation", "validate": "validation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """Say what the tool is to do."""

    action: str
    version: str
    arguments: Mapping[str, Any]
    memory_pool: Path | None = None
    notes: tuple[str, ...] = ()


def run_tool(session: Session, compilation: Compilation, progress: Progress) -> Mapping[str, Any] | bytes:
    """Return the result of a run; some versions answer a generation with the archive itself.

    Raises:
        CloudError: When the service does not run it or the run fails.
    """
    kind = NAMES[compilation.action]
    what = f"the start of the {kind}"
    reply = session.send(
        Request(
            method="POST",
            url=session.routes.action(compilation.version, compilation.action),
            what=what,
            body=_body(compilation),
            limit=session.limits.transfer,
        )
    )
    if reply.body.startswith(ZIP_START):
        return reply.body
    answer = session.read_object(reply, what)
    if answer.get("status") == "ko":
        said = session.shown(str(answer.get("error") or "no reason is given"))
        raise CloudError(
            f"The Developer Cloud refuses the {kind}: {said}",
            cause=CloudCause.REJECTED,
            hint="Check the model and the options of tools.stedgeai.",
        )
    job = Job(
        identifier=identifier_of(answer, "runtimeId", kind),
        kind=kind,
        request=fingerprint(compilation.version, compilation.arguments),
        host=session.routes.host,
    )
    waiting = Waiting(
        url=session.routes.action(compilation.version, "run"),
        title=kind.capitalize(),
        limit=session.limits.run,
        ends_with_result=True,
    )
    result = wait(session, job, waiting, progress).get("result")
    if not isinstance(result, dict):
        raise ChangedServiceError(f"The {kind} on the Developer Cloud ended without a result.")
    return result


def generated_archive(session: Session, result: Mapping[str, Any] | bytes, progress: Progress) -> bytes:
    """Return the zip archive of a generation.

    Raises:
        CloudError: When there is none or it does not arrive whole.
    """
    if isinstance(result, bytes):
        return result
    url = result.get("url")
    if not isinstance(url, str) or not url:
        said = session.shown(str(result.get("message") or "no reason is given"))
        raise ChangedServiceError(f"The generation on the Developer Cloud names no archive: {said}")
    return fetch_generated(session, url, progress)


def _body(compilation: Compilation) -> Any:
    fields = {"args": json.dumps(compilation.arguments)}
    if compilation.memory_pool is None:
        return form_body(fields)
    return multipart_body(fields, {"mpool": (compilation.memory_pool.name, compilation.memory_pool)})
