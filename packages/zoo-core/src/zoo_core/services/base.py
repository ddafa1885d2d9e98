"""Own what a service is: the model it needs, the model it makes, and how it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from zoo_core.artifacts import Artifact
from zoo_core.protocols import Stage
from zoo_core.results import Result

if TYPE_CHECKING:
    from zoo_core.config.sections import RunConfig
    from zoo_core.services.context import RunContext


@dataclass(frozen=True, slots=True)
class StageOutput:
    """Hold what a stage hands back: its result, and the model it made when it makes one."""

    result: Result
    artifact: Artifact | None = None


class Service(Protocol):
    """Run one step of a chain.

    A stage takes the newest artifact whose type is in `needs`; with none there, the newest in `fallback`.
    """

    name: ClassVar[str]
    letter: ClassVar[str]
    needs: ClassVar[tuple[type[Artifact], ...]]
    fallback: ClassVar[tuple[type[Artifact], ...]]
    makes: ClassVar[type[Artifact] | None]
    sections: ClassVar[tuple[str, ...]]
    """Sections of the configuration that its result depends on."""

    def reads(self, config: RunConfig) -> frozenset[str]:
        """Return the splits of the data set that a stage needs."""
        ...

    def run(self, context: RunContext, stage: Stage, model: Artifact | None) -> StageOutput:
        """Do the work of one stage."""
        ...
