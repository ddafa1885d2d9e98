"""Own the hashing of every file that a run made or measured, before anything is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo_core.artifacts import hash_file
from zoo_core.errors import UserError
from zoo_core.reporting.card.paths import in_run
from zoo_core.runs.store import RunRecord

DIGITS = 12
"""Digits of a hash that a message shows."""


@dataclass(slots=True)
class VerifiedFile:
    """Hold a model file whose content is what the run made or measured."""

    path: Path
    shown: str
    """Relative to the run folder, or the name alone of a file that lies elsewhere."""
    sha256: str
    size: int
    kind: str = ""
    """Kind of artifact such as `float_onnx`; empty of a file that was given."""
    model: str = ""
    """`float` or `int8`, where it was measured."""
    made_by: str = ""
    measured_by: list[str] = field(default_factory=list)
    """Stages whose metrics belong to this file."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """Hold what one stage says of a file."""

    stage: str
    path: Path
    sha256: str
    kind: str = ""
    model: str = ""
    measures: bool = False
    """Whether the metrics of the stage belong to the file."""


def verify_files(record: RunRecord) -> tuple[VerifiedFile, ...]:
    """Hash every file that a stage made or measured, and return the files.

    Raises:
        UserError: When a stage does not say what it measured, or files are absent or have another content; names all.
    """
    _require_finished(record)
    silent = [
        stage.stage.id
        for stage in record.results
        if stage.result.metrics and not stage.result.measured and stage.artifact is None
    ]
    claims = list(_claims(record))
    if not claims and not silent:
        msg = f"{record.run_dir} has no model: none of its stages made or measured one."
        raise UserError(msg, hint="A card needs a run that trains, quantizes, evaluates or benchmarks.")
    contents = {path: hash_file(path) if path.is_file() else "" for path in {claim.path for claim in claims}}
    wrong = _problems([claim for claim in claims if claim.sha256 != contents[claim.path]], contents)
    if wrong or silent:
        raise _refusal(record, wrong, silent)
    return tuple(_merged(claims, record))


def _require_finished(record: RunRecord) -> None:
    status = record.manifest.status
    unfinished = [entry.id for entry in record.manifest.stages if entry.status not in ("done", "skipped")]
    if status == "done" and not unfinished:
        return
    missing = f" ({', '.join(unfinished)} not done)" if unfinished else ""
    msg = f"{record.run_dir} is {status}{missing}; a card is written of a finished run."
    raise UserError(msg, hint=f"Finish it with: zoo run --resume {record.run_dir}")


def _claims(record: RunRecord) -> Iterator[_Claim]:
    for stage in record.results:
        if stage.artifact is not None:
            made = stage.artifact
            measures = bool(stage.result.metrics) and not stage.result.measured
            yield _Claim(stage.stage.id, made.path, made.sha256, kind=made.kind, measures=measures)
        for file in stage.result.measured:
            yield _Claim(stage.stage.id, record.run_dir / file.path, file.sha256, model=file.model, measures=True)


def _problems(claims: list[_Claim], contents: Mapping[Path, str]) -> list[str]:
    """Return one line per file and expected content, with every stage that expects it."""
    stages: dict[tuple[Path, str], list[str]] = {}
    for claim in claims:
        stages.setdefault((claim.path, claim.sha256), []).append(claim.stage)
    return [
        f"  {path} (of {', '.join(dict.fromkeys(names))}): expected SHA-256 {expected[:DIGITS]}, "
        + (f"found {contents[path][:DIGITS]}" if contents[path] else "found no file")
        for (path, expected), names in stages.items()
    ]


def _refusal(record: RunRecord, wrong: list[str], silent: list[str]) -> UserError:
    lines, hints = [], []
    if wrong:
        lines += ["The run's figures do not belong to the files that are there, so no card is written:", *wrong]
        hints.append(f"Run again what depends on them: zoo run --resume {record.run_dir}")
    if silent:
        lines.append(
            "These stages do not say which files they measured, as those of older versions do not, "
            f"so no card is written: {', '.join(silent)}."
        )
        results = " ".join(str(record.run_dir / "stages" / stage / "result.json") for stage in silent)
        hints.append(f"Delete {results}\nand measure again: zoo run --resume {record.run_dir}")
    return UserError("\n".join(lines), hint="\n".join(hints))


def _merged(claims: list[_Claim], record: RunRecord) -> Iterator[VerifiedFile]:
    """Yield one file per path, with everything that stages say of it."""
    files: dict[Path, VerifiedFile] = {}
    for claim in claims:
        key = claim.path.resolve()
        if key not in files:
            shown = in_run(claim.path, record.run_dir)
            files[key] = VerifiedFile(claim.path, shown, claim.sha256, claim.path.stat().st_size)
        file = files[key]
        if claim.kind:
            file.kind, file.made_by = claim.kind, claim.stage
        if claim.model:
            file.model = claim.model
        if claim.measures:
            file.measured_by.append(claim.stage)
    yield from files.values()
