"""Own `run.json`: what a run is, what it runs on, and how far it came."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from typing import Any, Literal, Self

from zoo_core.errors import RunStoreError

SCHEMA_VERSION = 1
Status = Literal["running", "done", "failed", "interrupted"]
StageStatus = Literal["waiting", "running", "done", "skipped", "failed", "interrupted"]
RECORDED_LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "numpy",
    "pillow",
    "hydra-core",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """Describe one stage of the plan and its state."""

    id: str
    service: str
    status: StageStatus = "waiting"
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunManifest:
    """Describe a run completely enough to read its results and to continue it."""

    operation_mode: str
    use_case: str
    project_name: str
    model_name: str | None
    config: Mapping[str, Any]
    """Canonical configuration, from which `--resume` builds the same object."""
    config_file: str
    base_dir: str
    overrides: tuple[str, ...]
    config_hash: str
    seed: int
    created: str
    status: Status = "running"
    stages: tuple[StageEntry, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def with_stage(self, entry: StageEntry) -> RunManifest:
        """Return a copy in which one stage has a new state."""
        stages = tuple(entry if entry.id == known.id else known for known in self.stages)
        return replace(self, stages=stages)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str) -> Self:
        """Rebuild a manifest from its JSON form.

        Raises:
            RunStoreError: When the schema version is unknown or a field is absent.
        """
        version = data.get("schema_version")
        if version != SCHEMA_VERSION:
            raise RunStoreError(f"{source} has schema version {version}; this program reads {SCHEMA_VERSION}.")
        fields = {key: value for key, value in data.items() if key != "schema_version"}
        try:
            fields["stages"] = tuple(StageEntry(**entry) for entry in fields["stages"])
            fields["overrides"] = tuple(fields["overrides"])
            fields["notes"] = tuple(fields["notes"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise RunStoreError(f"{source} is not a complete run description: {error}") from error


def installed_versions(distributions: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the versions of Python, the recorded libraries and the given distributions."""
    versions = {"python": platform.python_version()}
    for name in (*distributions, *RECORDED_LIBRARIES):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def describe_host() -> dict[str, str]:
    """Return what the run computes on, without names of persons or networks."""
    return {"system": platform.system(), "machine": platform.machine(), "python": sys.implementation.name}
