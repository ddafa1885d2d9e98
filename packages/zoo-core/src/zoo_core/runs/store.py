"""Own the run folder: create, record stage by stage, read back."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo_core.artifacts import Artifact, artifact_from_dict, hash_file
from zoo_core.errors import RunStoreError
from zoo_core.protocols import Stage
from zoo_core.results import MetricValue, Result, result_from_dict
from zoo_core.runs.files import disk_errors, read_json, write_json
from zoo_core.runs.layout import MANIFEST, RunLayout
from zoo_core.runs.manifest import RunManifest, StageEntry, Status

STAGE_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """Hold what a finished stage left: its result, its artifact and what it was made from."""

    stage: Stage
    fingerprint: str
    seconds: float
    result: Result
    artifact: Artifact | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Hold a run as read from its folder."""

    run_dir: Path
    manifest: RunManifest
    results: tuple[StageRecord, ...]

    @property
    def metrics(self) -> tuple[MetricValue, ...]:
        """Return every metric of every finished stage, in order."""
        return tuple(metric for record in self.results for metric in record.result.metrics)


class Run:
    """Write a run folder; a follower of a distributed training reads it only."""

    def __init__(self, layout: RunLayout, manifest: RunManifest, *, writable: bool = True) -> None:
        self.layout = layout
        self.manifest = manifest
        self.writable = writable

    @classmethod
    def create(cls, layout: RunLayout, manifest: RunManifest) -> Run:
        """Make the folder and write its description.

        Raises:
            RunStoreError: When the folder holds another run or cannot be written.
        """
        refuse_existing(layout)
        with disk_errors(layout.root):
            layout.root.mkdir(parents=True, exist_ok=True)
        run = cls(layout, manifest)
        run.save()
        return run

    def save(self) -> None:
        """Write `run.json`."""
        if self.writable:
            write_json(self.layout.manifest, self.manifest.to_dict())

    def set_status(self, status: Status) -> None:
        """Record how the run as a whole stands."""
        self.manifest = replace(self.manifest, status=status)
        self.save()

    def set_stage(self, entry: StageEntry) -> None:
        """Record how one stage stands."""
        self.manifest = self.manifest.with_stage(entry)
        self.save()

    def finish_stage(
        self, stage: Stage, result: Result, artifact: Artifact | None, *, fingerprint: str, seconds: float
    ) -> StageRecord:
        """Write the result of a stage, last of all its files, and gather `metrics.json` anew."""
        record = StageRecord(stage=stage, fingerprint=fingerprint, seconds=seconds, result=result, artifact=artifact)
        root = self.layout.root
        if self.writable:
            data = {
                "schema_version": STAGE_SCHEMA_VERSION,
                "stage": stage.id,
                "fingerprint": fingerprint,
                "seconds": round(seconds, 3),
                "artifact": None if artifact is None else artifact.to_dict(root),
                "result": result.to_dict(),
            }
            write_json(self.layout.result(stage), data)
        self.set_stage(StageEntry(id=stage.id, service=stage.service, status="done", seconds=round(seconds, 3)))
        self._write_metrics()
        return record

    def finished(self, stage: Stage) -> StageRecord | None:
        """Return the record of a finished stage whose artifact is intact, or nothing."""
        path = self.layout.result(stage)
        if not path.exists():
            return None
        record = read_stage(path, self.layout.root)
        artifact = record.artifact
        if artifact is not None and (not artifact.path.exists() or hash_file(artifact.path) != artifact.sha256):
            return None
        return record

    def relative(self, path: Path) -> str:
        """Return a path relative to the run folder, for results."""
        return path.relative_to(self.layout.root).as_posix() if path.is_relative_to(self.layout.root) else str(path)

    def _write_metrics(self) -> None:
        if not self.writable:
            return
        stages: dict[str, Any] = {}
        for entry in self.manifest.stages:
            index, _, service = entry.id.partition("_")
            path = self.layout.result(Stage(int(index), service))
            if path.exists():
                stages[entry.id] = read_json(path)["result"]["metrics"]
        write_json(self.layout.metrics, {"schema_version": STAGE_SCHEMA_VERSION, "stages": stages})


def read_stage(path: Path, root: Path) -> StageRecord:
    """Read the `result.json` of one stage.

    Raises:
        RunStoreError: When the file is damaged or was written by another version.
    """
    data: Mapping[str, Any] = read_json(path)
    try:
        index, _, service = data["stage"].partition("_")
        artifact = data["artifact"]
        return StageRecord(
            stage=Stage(int(index), service),
            fingerprint=data["fingerprint"],
            seconds=data["seconds"],
            result=result_from_dict(data["result"]),
            artifact=None if artifact is None else artifact_from_dict(artifact, root),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise RunStoreError(
            f"{path} is damaged: {error}", hint="Delete this file; the stage is then computed again."
        ) from error


def read_run(run_dir: Path) -> RunRecord:
    """Read a run folder.

    Raises:
        RunStoreError: When the folder holds no run or a damaged one.
    """
    manifest_path = run_dir / MANIFEST
    if not manifest_path.exists():
        raise RunStoreError(
            f"{run_dir.resolve()} is not a run: it has no {MANIFEST}.", hint="List runs with: zoo runs list DIR"
        )
    manifest = RunManifest.from_dict(read_json(manifest_path), str(manifest_path))
    paths = [run_dir / "stages" / entry.id / "result.json" for entry in manifest.stages]
    results = tuple(read_stage(path, run_dir) for path in paths if path.exists())
    return RunRecord(run_dir=run_dir, manifest=manifest, results=results)


def list_runs(root: Path) -> tuple[RunRecord, ...]:
    """Return every run below a folder, oldest first; damaged ones are left out."""
    records = []
    for path in sorted(root.rglob(MANIFEST)):
        try:
            records.append(read_run(path.parent))
        except RunStoreError:
            continue
    return tuple(sorted(records, key=lambda record: record.manifest.created))


def now() -> str:
    """Return the present time in ISO form with its zone."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def refuse_existing(layout: RunLayout) -> None:
    """Refuse a folder that holds a run.

    Raises:
        RunStoreError: When it does.
    """
    if layout.manifest.exists():
        raise RunStoreError(
            f"{layout.root} already holds a run.",
            hint=f"Continue it with: zoo run --resume {layout.root}   or choose another hydra.run.dir.",
        )
