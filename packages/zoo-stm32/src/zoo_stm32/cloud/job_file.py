"""Own the file that lets an interrupted run find its jobs on the service again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from zoo_core.errors import UserError
from zoo_stm32.cloud.storage import write_json

SCHEMA: Final = 1
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Name a job on the service."""

    identifier: str
    kind: str
    """What it does, as messages name it: `benchmark`, `analysis`."""
    request: str
    """Hash of what was asked for: another model or option is another job."""
    host: str


class JobFile:
    """Keep the jobs of a run in a file of its folder. It holds identifiers, no secret."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, kind: str, request: str, host: str) -> Job | None:
        """Return the job of that kind that was started for the same request, if any.

        Raises:
            UserError: When the file cannot be read as what it is.
        """
        job = self._load().get(kind)
        return job if job is not None and (job.request, job.host) == (request, host) else None

    def keep(self, job: Job) -> None:
        """Write a job down, in the place of an earlier one of its kind.

        Raises:
            UserError: When the file cannot be written.
        """
        self._save({**self._load(), job.kind: job})

    def forget(self, kind: str) -> None:
        """Strike a job out, so that the next run starts another.

        Raises:
            UserError: When the file cannot be written.
        """
        jobs = self._load()
        if jobs.pop(kind, None) is not None:
            self._save(jobs)

    def _load(self) -> dict[str, Job]:
        try:
            return _jobs(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{self.path} does not name a job of the Developer Cloud as expected.",
                hint="Delete it to start a new job.",
            ) from None

    def _save(self, jobs: Mapping[str, Job]) -> None:
        content = {"schema": SCHEMA, "jobs": [asdict(job) for job in jobs.values()]}
        write_json(self.path, content, "The name of the cloud job")


def _jobs(content: Mapping[str, Any]) -> dict[str, Job]:
    if content["schema"] != SCHEMA:
        raise ValueError
    return {entry["kind"]: _job(entry) for entry in content["jobs"]}


def _job(entry: Mapping[str, Any]) -> Job:
    if not all(isinstance(entry[name], str) for name in ("identifier", "kind", "request", "host")):
        raise TypeError
    if IDENTIFIER.fullmatch(entry["identifier"]) is None:
        raise ValueError
    return Job(identifier=entry["identifier"], kind=entry["kind"], request=entry["request"], host=entry["host"])
