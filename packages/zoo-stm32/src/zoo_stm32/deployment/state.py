"""Own the file that says how far a deployment is, so that an interrupted one goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zoo_core.artifacts import hash_file
from zoo_core.errors import RunStoreError
from zoo_core.runs.files import read_json, write_json
from zoo_stm32.deployment.job import StepOutcome
from zoo_stm32.reports import LayerReport, ToolReport

SCHEMA = 1
NAME = "deployment.json"
RUNNING = "running"
FAILED = "failed"
ENDED = ("done", "skipped")


class State:
    """Record steps and their products; every change is on disk before the next step starts."""

    def __init__(self, path: Path, fingerprint: str, board: str) -> None:
        self.path = path
        self._data: dict[str, Any] = {"schema": SCHEMA, "board": board, "fingerprint": fingerprint}
        self._data |= {"steps": {}, "products": {}, "report": None, "sizes": {}}

    @classmethod
    def open(cls, folder: Path, fingerprint: str, board: str) -> State:
        """Read the state of an earlier deployment of the same job, else start a new one."""
        state = cls(folder / NAME, fingerprint, board)
        try:
            found = read_json(state.path)
        except RunStoreError:
            return state
        if found.get("schema") == SCHEMA and found.get("fingerprint") == fingerprint and _whole(found):
            state._data = found
        return state

    def begin(self, step: str, later: Sequence[str]) -> None:
        """Note that a step has begun, and forget the later steps that build on it."""
        for name in later:
            self._data["steps"].pop(name, None)
        self._note(step, RUNNING, "")

    def fail(self, step: str, message: str) -> None:
        """Note why a step failed."""
        self._note(step, FAILED, message)

    def end(self, outcome: StepOutcome) -> None:
        """Note a step that ended, with the hashes of its files."""
        files = {str(file): hash_file(file) for file in outcome.files}
        self._data["steps"][outcome.name] = {"status": outcome.status, "detail": outcome.detail, "files": files}
        self._save()

    def ended(self, step: str) -> StepOutcome | None:
        """Return the outcome of a step that ended and whose files are still what it left, else nothing."""
        entry = self._data["steps"].get(step)
        if entry is None or entry["status"] not in ENDED or not _unchanged(entry["files"]):
            return None
        return StepOutcome(
            name=step, status="kept", detail=entry["detail"], files=tuple(Path(file) for file in entry["files"])
        )

    def unfinished(self, steps: Sequence[str]) -> tuple[str, ...]:
        """Return the steps from the first that did not end; all of them when all ended."""
        for index, step in enumerate(steps):
            if self.ended(step) is None:
                return tuple(steps[index:])
        return tuple(steps)

    def product(self, name: str) -> Path | None:
        """Return a file or folder that an earlier step made, where it still exists."""
        found = self._data["products"].get(name)
        return Path(found) if found is not None and Path(found).exists() else None

    def products(self, prefix: str) -> dict[str, Path]:
        """Return the products whose names start so, by the rest of the name."""
        names = [name for name in self._data["products"] if name.startswith(prefix)]
        found = {name.removeprefix(prefix): self.product(name) for name in names}
        return {name: path for name, path in found.items() if path is not None}

    def keep(self, products: Mapping[str, Path]) -> None:
        """Remember files or folders for later steps."""
        self._data["products"] |= {name: str(path) for name, path in products.items()}

    @property
    def report(self) -> ToolReport | None:
        """Return the footprint that the code generator stated."""
        found = self._data["report"]
        if found is None:
            return None
        layers = tuple(LayerReport(**layer) for layer in found["layers"])
        return ToolReport(**{**found, "layers": layers, "notes": tuple(found["notes"])})

    @report.setter
    def report(self, report: ToolReport) -> None:
        self._data["report"] = {**asdict(report), "details": {}}

    @property
    def sizes(self) -> dict[str, int]:
        """Return memory of the board -> bytes of the image in it."""
        return dict(self._data["sizes"])

    @sizes.setter
    def sizes(self, sizes: Mapping[str, int]) -> None:
        self._data["sizes"] = dict(sizes)

    def _note(self, step: str, status: str, detail: str) -> None:
        self._data["steps"][step] = {"status": status, "detail": detail, "files": {}}
        self._save()

    def _save(self) -> None:
        write_json(self.path, self._data)


def _unchanged(files: Mapping[str, str]) -> bool:
    return all(Path(file).is_file() and hash_file(Path(file)) == digest for file, digest in files.items())


def _whole(found: Mapping[str, Any]) -> bool:
    return all(isinstance(found.get(key), dict) for key in ("steps", "products", "sizes")) and "report" in found
