"""Own the catalogue: one registry per kind of component, built once and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from zoo_core.errors import PluginError, UserError
from zoo_core.names import did_you_mean
from zoo_core.plugins.discovery import guess_plugin
from zoo_core.plugins.registry import Registry, Resolved, canonical_distribution
from zoo_core.plugins.relay import LifeCycleRelay
from zoo_core.plugins.report import BROKEN, DISABLED, PluginReport
from zoo_core.specs import (
    DatasetSpec,
    ModelSpec,
    QuantizerSpec,
    Spec,
    TargetSpec,
    TaskSpec,
    TrackerSpec,
    TrainerSpec,
)

SPEC_TYPES: MappingProxyType[str, type[Spec]] = MappingProxyType(
    {
        "tasks": TaskSpec,
        "models": ModelSpec,
        "datasets": DatasetSpec,
        "trainers": TrainerSpec,
        "quantizers": QuantizerSpec,
        "targets": TargetSpec,
        "trackers": TrackerSpec,
    }
)
"""Kind in the plural, as commands name it -> class of its specs."""
KINDS = tuple(SPEC_TYPES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Hold every component of every plugin, and what is to be said about the plugins."""

    tasks: Registry[TaskSpec]
    models: Registry[ModelSpec]
    datasets: Registry[DatasetSpec]
    trainers: Registry[TrainerSpec]
    quantizers: Registry[QuantizerSpec]
    targets: Registry[TargetSpec]
    trackers: Registry[TrackerSpec]
    reports: tuple[PluginReport, ...] = ()
    """One per installed plugin, built-in first, then by distribution."""
    problems: tuple[str, ...] = ()
    """Everything that is wrong with the plugins, each a whole sentence with its cure."""
    relay: LifeCycleRelay = field(default_factory=LifeCycleRelay)
    """Calls the life-cycle hooks."""

    def registry(self, kind: str) -> Registry[Any]:
        """Return the registry of a kind such as `models`; the singular is understood.

        Raises:
            UserError: When there is no such kind.
        """
        plural = kind if kind.endswith("s") else f"{kind}s"
        if plural not in SPEC_TYPES:
            guess = did_you_mean(kind, KINDS)
            msg = f'Unknown kind "{kind}".{f" {guess}" if guess else ""}'
            raise UserError(msg, hint=f"Kinds: {', '.join(KINDS)}")
        return cast("Registry[Any]", getattr(self, plural))

    def plugin(self, name: str) -> PluginReport:
        """Return the report of the plugin with this name, or of the distribution with this name.

        Where one distribution brings several plugins, its own name stands for a broken one first.

        Raises:
            UserError: When no such plugin is installed.
        """
        folded = canonical_distribution(name)
        by_name = [report for report in self.reports if canonical_distribution(report.name) == folded]
        by_owner = [report for report in self.reports if canonical_distribution(report.distribution) == folded]
        by_owner.sort(key=lambda report: report.status != BROKEN)
        if found := by_name or by_owner:
            return found[0]
        guess = guess_plugin(name, {label for report in self.reports for label in (report.distribution, report.name)})
        msg = f'No installed plugin is named "{name}".{guess}'
        raise UserError(msg, hint="See: zoo plugins")

    def require_sound(self) -> None:
        """Refuse to go on when anything is wrong with a plugin, as `--strict-plugins` asks.

        Raises:
            PluginError: With every recorded problem.
        """
        if self.problems:
            count = len(self.problems)
            title = f"{count} problem{'s' if count != 1 else ''} with the installed plugins:"
            msg = "\n".join([title, *(f"  {problem}" for problem in self.problems)])
            raise PluginError(msg, hint="See: zoo plugins and zoo doctor NAME")

    @classmethod
    def of(cls, *specs: Spec, distribution: str = "zoo-local", version: str = "0") -> Catalog:
        """Return a catalogue of just these specs, for tests and for programs without plugins."""
        return cls.assemble(
            Resolved(spec=spec, distribution=distribution, version=version, name=spec.name) for spec in specs
        )

    @classmethod
    def assemble(
        cls,
        entries: Iterable[Resolved[Any]],
        *,
        reports: Iterable[PluginReport] = (),
        problems: Iterable[str] = (),
        relay: LifeCycleRelay | None = None,
    ) -> Catalog:
        """Sort components into registries and add the problems that show only when all are together."""
        components, facts = tuple(entries), tuple(reports)
        notes = _notes(facts)
        registries: dict[str, Registry[Any]] = {
            kind: Registry(cls_.kind, (entry for entry in components if isinstance(entry.spec, cls_)), notes=notes)
            for kind, cls_ in SPEC_TYPES.items()
        }
        found = [clash for registry in registries.values() for clash in registry.clashes()]
        return cls(
            **registries,
            reports=facts,
            problems=(*problems, *found, *_homeless(registries)),
            relay=relay or LifeCycleRelay(),
        )


def _notes(reports: Iterable[PluginReport]) -> tuple[str, ...]:
    facts = tuple(reports)
    broken = [problem for report in facts if report.status == BROKEN for problem in report.problems]
    disabled = sorted({report.distribution for report in facts if report.status == DISABLED})
    if not disabled:
        return tuple(broken)
    return (*broken, f"Installed but not loaded on your request: {', '.join(disabled)} (zoo plugins says why)")


def _homeless(registries: dict[str, Registry[Any]]) -> list[str]:
    """Return a sentence per model and data set whose use case no loaded plugin declares."""
    tasks = registries["tasks"]
    texts = []
    for kind in ("models", "datasets"):
        for entry in registries[kind]:
            if entry.spec.task not in tasks.names():
                guess = did_you_mean(entry.spec.task, tasks.names())
                texts.append(
                    f"{entry.provider}: {entry.spec.kind} {entry.spec.name} belongs to use case "
                    f'"{entry.spec.task}", which no loaded plugin declares.{f" {guess}" if guess else ""}'
                )
    return texts
