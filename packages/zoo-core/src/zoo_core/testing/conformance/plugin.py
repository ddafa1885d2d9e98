"""Own the checks of a whole plugin: quick to import, legal names, references that load, sections that survive YAML."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from zoo_core.testing.conformance.base import Conformance

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.discovery import PluginSource
    from zoo_core.plugins.registry import Resolved

LIMIT_SECONDS = 0.1
"""Time that importing a plugin module may take beyond zoo_core."""
TRIES = 5
HOPELESS = 5
"""A module that takes so many times longer is not tried again."""
IMPORT = """
import importlib, json, sys, time
from zoo_core.plugins.manager import HEAVY_MODULES
import zoo_core.plugins.builtin
before = HEAVY_MODULES & sys.modules.keys()
start = time.perf_counter()
importlib.import_module(sys.argv[1])
seconds = time.perf_counter() - start
heavy = sorted((HEAVY_MODULES & sys.modules.keys()) - before)
start = time.perf_counter()
import zoo_core.config.sections
reference = time.perf_counter() - start
print(json.dumps([seconds, reference, heavy]), file=sys.__stderr__)
"""
REFERENCE_SECONDS = 0.2
"""Time that the reference, core's own configuration classes, takes on an ordinary machine."""


class PluginConformance(Conformance):
    """Check everything that one distribution brings."""

    kind: ClassVar[str] = "distribution"
    distribution: ClassVar[str] = ""
    """Name as installed, such as `zoo-acme`."""

    @pytest.fixture(scope="class")
    @classmethod
    def source(cls, component: str) -> PluginSource:
        """Return where the plugin is installed."""
        from zoo_core.plugins.discovery import discover
        from zoo_core.plugins.registry import canonical_distribution

        wanted = canonical_distribution(component)
        found = [source for source in discover() if canonical_distribution(source.distribution) == wanted]
        if not found:
            pytest.fail(f'{component} is not installed with an entry point of the group "zoo"; see: zoo plugins')
        return found[0]

    @pytest.fixture(scope="class")
    @classmethod
    def all_plugins(cls) -> Catalog:
        """Return what all installed plugins declare, loaded anew."""
        from zoo_core.plugins.manager import build_catalog

        return build_catalog()

    @pytest.fixture(scope="class")
    @classmethod
    def entries(cls, all_plugins: Catalog, source: PluginSource) -> list[Resolved[Any]]:
        """Return the components of this plugin."""
        from zoo_core.plugins.catalog import KINDS

        return [
            entry for kind in KINDS for entry in all_plugins.registry(kind) if entry.distribution == source.distribution
        ]

    def test_module_is_imported_quickly_and_without_heavy_packages(self, source: PluginSource) -> None:
        """Importing the plugin module takes less than 100 ms beyond zoo_core and loads no torch, numpy, ..."""
        from zoo_core.testing.isolation import run_isolated

        fastest = float("inf")
        for _ in range(TRIES):
            done = run_isolated(IMPORT, arguments=[source.module], paths=_search_path())
            assert done.returncode == 0, f"{source.module} cannot be imported:\n{done.stderr}"
            seconds, reference, heavy = json.loads(done.stderr.splitlines()[-1])
            assert not heavy, f"{source.module} imports {', '.join(heavy)}; move it behind LazyRef"
            assert not done.stdout, f"{source.module} prints when it is imported: {done.stdout[:200]!r}"
            fastest = min(fastest, seconds / max(1.0, reference / REFERENCE_SECONDS))
            if fastest < LIMIT_SECONDS:
                return
            if fastest > HOPELESS * LIMIT_SECONDS:
                break
        pytest.fail(
            f"importing {source.module} takes {1000 * fastest:.0f} ms, more than {1000 * LIMIT_SECONDS:.0f} ms; "
            "do no work at import, and move what is slow behind LazyRef"
        )

    def test_nothing_is_wrong_with_it(self, all_plugins: Catalog, source: PluginSource) -> None:
        """The plugin is loaded; names are legal and unique among all installed plugins; its use cases exist."""
        own = re.compile(rf"(?<![\w.-]){re.escape(source.distribution)}(?![\w-])")
        reports = [report for report in all_plugins.reports if report.distribution == source.distribution]
        found = [problem for report in reports for problem in report.problems]
        found += [text for text in all_plugins.problems if own.search(text) and text not in found]
        assert not found, "\n".join(found)
        assert all(report.status == "ok" for report in reports)

    def test_something_is_declared(self, entries: list[Resolved[Any]], source: PluginSource) -> None:
        """The plugin has at least one component."""
        assert entries, f"{source.module} declares nothing; its hooks are functions with @hookimpl"

    def test_entry_point_has_the_name_of_the_distribution(self, source: PluginSource) -> None:
        """`zoo-acme` is declared as `acme = "zoo_acme.plugin"`."""
        from zoo_core.plugins.registry import canonical_distribution

        wanted = canonical_distribution(source.distribution).removeprefix("zoo-")
        found = source.entry_point.name
        assert found == wanted, f'the entry point of {source.distribution} is called "{found}"; call it "{wanted}"'

    def test_version_of_the_plugin_interface_is_stated(self, source: PluginSource) -> None:
        """The module says for which interface it was written: `zoo_api = 1`."""
        from zoo_core.specs import API_VERSION

        found = getattr(source.entry_point.load(), "zoo_api", None)
        assert found == API_VERSION, f"{source.module} states zoo_api {found}; write zoo_api = {API_VERSION}"

    def test_everything_that_is_named_can_be_loaded(self, entries: list[Resolved[Any]]) -> None:
        """Every `LazyRef` leads to something that can be imported and is of use."""
        from zoo_core.errors import MissingError, ZooError

        wrong, missing = [], []
        for entry in entries:
            for field, reference in _references(entry.spec):
                label = f"{entry.spec.kind} {entry.spec.name}: {field} {reference.path}"
                try:
                    loaded = entry.load(reference)
                except MissingError as error:
                    missing.append(f"{label}: {error}")
                except ZooError as error:
                    wrong.append(f"{label}: {error}")
                else:
                    wrong += [f"{label} {fault}" for fault in _misuse(field, loaded)]
        assert not wrong, "\n".join(wrong)
        if missing:
            pytest.skip("packages that components need are not installed: " + "; ".join(missing))

    def test_sections_survive_yaml(self, entries: list[Resolved[Any]]) -> None:
        """Every configuration class gives the same object after YAML -> object -> YAML -> object."""
        from zoo_core.testing.conformance.round_trip import round_trip_faults

        classes = dict.fromkeys(self._section_classes(entries))
        faults = [fault for section in classes for fault in round_trip_faults(section, self.example(section))]
        assert not faults, "\n".join(faults)

    def test_sections_refuse_unknown_keys(self, entries: list[Resolved[Any]]) -> None:
        """A misspelt key is refused, not swallowed."""
        classes = dict.fromkeys(self._section_classes(entries))
        lenient = [section.__qualname__ for section in classes if section.model_config.get("extra") != "forbid"]
        assert not lenient, f"{', '.join(lenient)}: unknown keys are accepted; derive from the sections of zoo_core"

    def example(self, section: type) -> dict[str, Any]:
        """Return keys that a section cannot be made without; override it where they cannot be guessed."""
        del section
        return {}

    def _section_classes(self, entries: list[Resolved[Any]]) -> Iterator[Any]:
        from zoo_core.errors import MissingError

        for entry in entries:
            named = [*getattr(entry.spec, "sections", {}).values(), getattr(entry.spec, "config", None)]
            for reference in named:
                if reference is not None:
                    try:
                        yield entry.load(reference)
                    except MissingError:
                        continue  # told by the check of references


def _references(spec: Any) -> Iterator[tuple[str, Any]]:
    from collections.abc import Mapping
    from dataclasses import fields

    from zoo_core.lazy import LazyRef

    for field in fields(spec):
        value = getattr(spec, field.name)
        for item in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(item, LazyRef):
                yield field.name, item


def _misuse(field: str, loaded: Any) -> list[str]:
    """Return what is wrong with a thing that a field of a specification names."""
    if field in ("config", "sections"):
        from zoo_core.config.section import Section

        fits = isinstance(loaded, type) and issubclass(loaded, Section)
        return [] if fits else ["is no subclass of zoo_core.config.section.Section"]
    if field in ("starter", "recipes"):
        return [] if isinstance(loaded, str) and loaded.strip() else ["is no text"]
    return [] if callable(loaded) else ["cannot be called"]


def _search_path() -> list[Path]:
    """Return what the fresh interpreter must be told to find what this one finds."""
    own = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return [path for path in map(Path, filter(None, sys.path)) if path.is_dir() and path.resolve() not in own]
