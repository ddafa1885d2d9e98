"""Own the loading of plugins: each in a guard of its own, every failure a recorded fact."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from zoo_core.hookspecs import DECLARING_HOOKS, LIFE_CYCLE_HOOKS
from zoo_core.plugins.catalog import Catalog
from zoo_core.plugins.declaration import Declared, read_declarations
from zoo_core.plugins.discovery import PluginSource, discover, shared_names
from zoo_core.plugins.guard import describe_error
from zoo_core.plugins.hook_check import hook_faults, make_manager
from zoo_core.plugins.printing import PrintWatch, led_to_stderr
from zoo_core.plugins.registry import Resolved
from zoo_core.plugins.relay import LifeCycleRelay
from zoo_core.plugins.report import BROKEN, DISABLED, OK, PluginReport
from zoo_core.plugins.selection import PluginSelection
from zoo_core.plugins.waiting import SLOW_SECONDS, Overseer
from zoo_core.specs import API_VERSION, Spec

HEAVY_MODULES = frozenset(
    {
        "PIL", "cv2", "hydra", "lightning", "matplotlib", "mlflow", "numpy", "omegaconf", "onnx", "onnxruntime",
        "onnxscript", "pandas", "pycocotools", "pytorch_lightning", "rich", "scipy", "sklearn", "tensorflow", "timm",
        "torch", "torchvision",
    }
)  # fmt: skip
"""Packages that a plugin module must leave behind `LazyRef`, because every command loads every plugin."""


def build_catalog(
    selection: PluginSelection | None = None, *, entry_points: Iterable[metadata.EntryPoint] | None = None
) -> Catalog:
    """Load the chosen plugins and return all they declare; nothing a plugin does makes this fail.

    Args:
        selection: Which plugins to load, all of them by default; the environment is not looked at.
        entry_points: Taken instead of the installed ones.

    Raises:
        UserError: When the selection asks for a plugin that is not installed.
    """
    chosen = selection or PluginSelection()
    sources = discover(entry_points)
    problems = list(chosen.check(sources))
    admitted = [source for source in sources if chosen.admits(source)]
    problems.extend(shared_names(admitted))
    loader = _Loader()
    with Overseer() as overseer, led_to_stderr() as prints:
        for source in sources:
            if refusal := chosen.refusal(source):
                loader.reports.append(_report(source, status=DISABLED, findings=_Findings(cause=refusal)))
            else:
                overseer.begin(source)
                loader.load(source, prints)
    for report in loader.reports:
        problems.extend(report.problems)
    labels = {report.name: report.label for report in loader.reports}
    relay = LifeCycleRelay(manager=loader.manager, labels=labels)
    return Catalog.assemble(loader.entries, reports=loader.reports, problems=problems, relay=relay)


@dataclass(slots=True)
class _Findings:
    """Gather what loading one plugin brings to light."""

    problems: list[str] = field(default_factory=list)
    cause: str | None = None
    traceback: str | None = None
    hooks: tuple[str, ...] = ()
    specs: dict[str, list[Spec]] = field(default_factory=dict)
    seconds: float = 0.0
    heavy: tuple[str, ...] = ()

    def broken(self, cause: str, problem: str, trace: str | None = None) -> None:
        """Record that something of the plugin is missing; the first cause is the one that is shown."""
        self.cause = self.cause or cause
        self.traceback = self.traceback or trace
        self.problems.append(problem)


class _Loader:
    """Load plugins one after the other into one pluggy manager."""

    def __init__(self) -> None:
        self.manager = make_manager()
        self.reports: list[PluginReport] = []
        self.entries: list[Resolved[Any]] = []
        self._taken: set[tuple[str, str, str]] = set()

    def load(self, source: PluginSource, prints: PrintWatch) -> None:
        """Import one plugin, check its hooks, take over what it declares, and report on it."""
        findings = _Findings()
        with _watch(findings):
            try:
                self._load(source, findings)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - a module may fail, or leave, in any way
                cause = describe_error(error)
                sentence = f"Plugin {source.label} could not be loaded ({cause})."
                findings.broken(cause, f"{sentence} {_see_doctor(source)}", traceback.format_exc())
        findings.problems.extend(_bad_manners(source, findings, printed=prints.printed()))
        self.reports.append(_report(source, status=OK if findings.cause is None else BROKEN, findings=findings))

    def _load(self, source: PluginSource, findings: _Findings) -> None:
        plugin = source.entry_point.load()
        if _is_sound(plugin, source, findings) and self._register(plugin, source, findings):
            self._take(read_declarations(self.manager, plugin), source, findings)

    def _register(self, plugin: object, source: PluginSource, findings: _Findings) -> bool:
        if (other := self.manager.get_name(plugin)) is not None:
            cause = f"{source.module} is loaded already, as plugin {other}"
            findings.broken(cause, f"Plugin {source.label} is left out: {cause}.")
            return False
        self.manager.register(plugin, name=source.name)
        callers = self.manager.get_hookcallers(plugin) or []
        order = (*DECLARING_HOOKS, *LIFE_CYCLE_HOOKS)
        findings.hooks = tuple(sorted((caller.name for caller in callers), key=order.index))
        return True

    def _take(self, declared: Declared, source: PluginSource, findings: _Findings) -> None:
        for cause, trace in declared.failures:
            findings.broken(cause, f"Plugin {source.label}: {cause}. {_see_doctor(source)}", trace)
        findings.problems.extend(f"{source.distribution}: {fault}" for fault in declared.faults)
        for kind, specs in declared.specs.items():
            for spec in specs:
                key = (source.distribution, kind, spec.name)
                if key in self._taken:
                    findings.problems.append(
                        f"{source.distribution}: {spec.kind} {spec.name} is declared twice; the second is left out"
                    )
                    continue
                self._taken.add(key)
                findings.specs.setdefault(kind, []).append(spec)
                self.entries.append(
                    Resolved(spec=spec, distribution=source.distribution, version=source.version, name=spec.name)
                )


@contextlib.contextmanager
def _watch(findings: _Findings) -> Iterator[None]:
    """Measure the time a plugin takes and notice which heavy packages it brings in."""
    before = HEAVY_MODULES & sys.modules.keys()
    start = time.perf_counter()
    try:
        yield
    finally:
        findings.seconds = time.perf_counter() - start
        findings.heavy = tuple(sorted((HEAVY_MODULES & sys.modules.keys()) - before))


def _bad_manners(source: PluginSource, findings: _Findings, *, printed: bool) -> Iterator[str]:
    """Yield a sentence per habit that disturbs every command, though all of the plugin may work."""
    if findings.heavy:
        yield f"{source.module} imports {', '.join(findings.heavy)} ({findings.seconds:.1f} s); move it behind LazyRef"
    elif findings.seconds >= SLOW_SECONDS:
        yield (
            f"{source.module} took {findings.seconds:.1f} s to load, and every command waits for it; "
            "move what takes long behind LazyRef"
        )
    if printed:
        yield f"{source.module} prints to standard output while it is loaded; a plugin module only declares"


def _see_doctor(source: PluginSource) -> str:
    return f"zoo doctor {source.distribution} shows the traceback"


def _is_sound(plugin: object, source: PluginSource, findings: _Findings) -> bool:
    api = getattr(plugin, "zoo_api", API_VERSION)
    if api != API_VERSION:
        cause = f"{source.distribution} was written for plugin API {api}, this is {API_VERSION}"
        older = isinstance(api, int) and api < API_VERSION
        findings.broken(cause, f"{cause}. Update {source.distribution if older else 'zoo-core'}.")
        return False
    for fault in hook_faults(plugin, source.distribution):
        findings.broken(fault, fault)
    return findings.cause is None


def _report(source: PluginSource, *, status: Any, findings: _Findings | None = None) -> PluginReport:
    known = findings or _Findings()
    return PluginReport(
        name=source.name,
        distribution=source.distribution,
        version=source.version,
        module=source.module,
        status=status,
        hooks=known.hooks,
        provides={kind: tuple(spec.name for spec in specs) for kind, specs in known.specs.items()},
        cause=known.cause,
        traceback=known.traceback,
        problems=tuple(known.problems),
        import_seconds=known.seconds,
        heavy_modules=known.heavy,
    )
