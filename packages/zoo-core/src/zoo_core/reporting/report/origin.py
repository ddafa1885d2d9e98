"""Own what a report says of where its numbers come from: configuration, files with their hashes, versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoo_core.reporting.metric_text import metric_text
from zoo_core.runs.layout import RESOLVED_CONFIG
from zoo_core.runs.store import RunRecord

MOST_SKIPPED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """Hold one model file."""

    path: str
    role: str
    size: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks:
    """Hold what the stages had to say, and the files that were left out."""

    notes: tuple[tuple[str, str], ...]
    """Stage and sentence."""
    skipped: tuple[tuple[str, str], ...]
    """File and reason."""
    skipped_more: int


def model_files(record: RunRecord) -> tuple[FileLine, ...]:
    """Return the models that the stages made or measured, each once, with the hash it had then."""
    found: dict[tuple[str, str], str] = {}
    for stage in record.results:
        if stage.artifact is not None:
            path = stage.artifact.path
            inside = path.is_relative_to(record.run_dir)
            name = path.relative_to(record.run_dir).as_posix() if inside else str(path)
            found.setdefault((name, stage.artifact.sha256), f"made by {stage.stage.id}")
        for file in stage.result.measured:
            found.setdefault((file.path, file.sha256), f"measured by {stage.stage.id}")
    return tuple(
        FileLine(path=path, role=role, size=_size(record, path), sha256=sha256)
        for (path, sha256), role in found.items()
    )


def remarks(record: RunRecord) -> Remarks:
    """Return the notes of the run and of its stages, each once, and the files that were left out."""
    said = dict.fromkeys([*((("configuration", note)) for note in record.manifest.notes), *_notes(record)])
    skipped = [(file.path, file.reason) for stage in record.results for file in stage.result.skipped]
    return Remarks(
        notes=tuple(said),
        skipped=tuple(skipped[:MOST_SKIPPED]),
        skipped_more=max(len(skipped) - MOST_SKIPPED, 0),
    )


def configuration_text(record: RunRecord) -> str:
    """Return the complete configuration as YAML; nothing when the file is gone."""
    try:
        return (record.run_dir / RESOLVED_CONFIG).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def circumstances(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return what the run was asked for: file, overrides, seed, hash."""
    manifest = record.manifest
    facts = [
        ("file", manifest.config_file),
        ("overrides", " ".join(manifest.overrides)),
        ("seed", str(manifest.seed)),
        ("hash of the configuration", manifest.config_hash),
    ]
    return tuple((name, text) for name, text in facts if text)


def versions(record: RunRecord) -> tuple[tuple[str, str], ...]:
    """Return the machine the run was computed on and the versions of the libraries."""
    manifest = record.manifest
    return ("machine", " ".join(manifest.host.values())), *manifest.versions.items()


def _notes(record: RunRecord) -> Iterable[tuple[str, str]]:
    return ((stage.stage.id, note) for stage in record.results for note in stage.result.notes)


def _size(record: RunRecord, path: str) -> str:
    try:
        return metric_text((record.run_dir / path).stat().st_size, "bytes")
    except OSError:
        return "gone"
