"""Own the planning of a chain: which stage takes which model, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoo_core.artifacts import Artifact, Checkpoint, OnnxModel
from zoo_core.errors import ChainError
from zoo_core.protocols import Stage
from zoo_core.services.base import Service

WEIGHTS = "w"
TRAINING = "t"
EXPORT = "x"
READABLE = {
    "checkpoint": "torch weights",
    "float_onnx": "a float ONNX model",
    "quantized_onnx": "a quantized ONNX model",
    "onnx": "an ONNX model",
    "firmware": "firmware",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Name a model that is there at some point of a chain: its type and who made it."""

    kind: type[Artifact]
    made_by: str


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """Hold a stage with the model it will take and the model it will make."""

    stage: Stage
    letter: str
    takes: Source | None
    makes: type[Artifact] | None
    inserted: bool = False

    def describe(self) -> str:
        """Return one line for people: what it takes, what it makes."""
        taken = "" if self.takes is None else f" takes {READABLE[self.takes.kind.kind]} from {self.takes.made_by}"
        made = "" if self.makes is None else f"{',' if taken else ''} makes {READABLE[self.makes.kind]}"
        return f"{self.stage.id}:{taken}{made}" + (" (added)" if self.inserted else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold the stages of a run in order."""

    stages: tuple[PlannedStage, ...]

    @property
    def letters(self) -> str:
        """Return the letters of all stages, inserted ones included."""
        return "".join(planned.letter for planned in self.stages)


def plan_chain(
    letters: str, services: Mapping[str, Service], *, given: type[Artifact] | None = None, pretrained: bool = False
) -> Plan:
    """Return the stages that a chain of letters stands for.

    Args:
        letters: Such as `tqeb`.
        services: Letter -> service.
        given: Type of the model that the user's `model_path` holds.
        pretrained: Whether published weights stand in for a given model.

    Raises:
        ChainError: When a stage needs a model that nothing before it makes.
    """
    if given is not None and issubclass(given, OnnxModel) and TRAINING in letters:
        raise ChainError(
            "Training starts from torch weights; model.model_path holds an ONNX model.",
            hint="Give a .pt, .pth or .pth.tar file, or remove model.model_path to start from new weights.",
        )
    planner = _Planner(services, letters)
    if given is not None:
        planner.sources.append(Source(given, "model.model_path"))
    elif pretrained and not letters.startswith(TRAINING):
        planner.add(WEIGHTS, inserted=True)
    for letter in letters:
        planner.add_with_export(letter)
    return Plan(tuple(planner.stages))


class _Planner:
    def __init__(self, services: Mapping[str, Service], letters: str) -> None:
        self.services = services
        self.letters = letters
        self.sources: list[Source] = []
        self.stages: list[PlannedStage] = []

    def add_with_export(self, letter: str) -> None:
        """Add a stage; a training is followed by an export, and other gaps a checkpoint can close are closed."""
        if letter == EXPORT and self.stages and self.stages[-1].letter == EXPORT:
            return
        service = self.services[letter]
        if self._needs_export(service):
            self.add(EXPORT, inserted=True)
        self.add(letter)
        if letter == TRAINING:
            self.add(EXPORT, inserted=True)

    def add(self, letter: str, *, inserted: bool = False) -> None:
        service = self.services[letter]
        takes = self._newest(service.needs) or self._newest(service.fallback)
        if takes is None and service.needs:
            raise self._gap(letter, service)
        stage = Stage(len(self.stages) + 1, service.name)
        self.stages.append(PlannedStage(stage, letter, takes, service.makes, inserted))
        if service.makes is not None:
            self.sources.append(Source(service.makes, stage.id))

    def _needs_export(self, service: Service) -> bool:
        if Checkpoint in service.needs or not any(issubclass(kind, OnnxModel) for kind in service.needs):
            return False
        newest = self.sources[-1].kind if self.sources else None
        return newest is Checkpoint

    def _newest(self, kinds: Sequence[type[Artifact]]) -> Source | None:
        fitting = (source for source in reversed(self.sources) if issubclass(source.kind, tuple(kinds)))
        return next(fitting, None) if kinds else None

    def _gap(self, letter: str, service: Service) -> ChainError:
        needed = " or ".join(READABLE[kind.kind] for kind in service.needs)
        there = ", ".join(f"{READABLE[source.kind.kind]} from {source.made_by}" for source in self.sources) or "nothing"
        makers = [
            f'"{other.letter}" ({other.name})'
            for other in self.services.values()
            if other.makes is not None
            and other.letter not in (WEIGHTS, EXPORT)
            and issubclass(other.makes, service.needs)
        ]
        made_by = f" or put {' or '.join(makers)} before it in the chain" if makers else ""
        place = f'"{letter}" ({service.name}) in "{self.letters}"'
        return ChainError(
            f"Stage {len(self.stages) + 1}, {place}, needs {needed}; there is {there}.",
            hint=f"Set model.model_path to such a file{made_by}.",
        )
