"""Own the list of installed plugins, read from entry points without importing any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata

from zoo_core.hookspecs import PROJECT
from zoo_core.names import suggest
from zoo_core.plugins.registry import canonical_distribution

BUILTIN_MODULE = "zoo_core.plugins.builtin"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSource:
    """Say where an installed plugin comes from."""

    name: str
    distribution: str
    version: str
    entry_point: metadata.EntryPoint

    @property
    def module(self) -> str:
        """Return what the entry point names, such as `zoo_acme.plugin`."""
        return self.entry_point.value

    @property
    def builtin(self) -> bool:
        """Tell whether this is core's own plugin, which is always loaded."""
        return self.module == BUILTIN_MODULE

    @property
    def label(self) -> str:
        """Return `zoo-acme 0.3`."""
        return f"{self.distribution} {self.version}"

    @property
    def labels(self) -> frozenset[str]:
        """Return every name by which a user may call this plugin, in the form that is compared."""
        names = (self.name, self.entry_point.name, self.distribution)
        return frozenset(canonical_distribution(name) for name in names)


def discover(entry_points: Iterable[metadata.EntryPoint] | None = None) -> tuple[PluginSource, ...]:
    """List the installed plugins under names that are unique, built-in first.

    Plugins that share an entry-point name are named by their distributions instead.

    Args:
        entry_points: Taken instead of the installed ones of the group `zoo`.
    """
    found = metadata.entry_points(group=PROJECT) if entry_points is None else entry_points
    sources = [_source(entry_point) for entry_point in found]
    if not any(source.builtin for source in sources):
        sources.append(_builtin())
    sources.sort(key=lambda source: (not source.builtin, source.distribution, source.name, source.module))
    counts = Counter(source.name for source in sources)
    return _made_unique(
        replace(source, name=source.distribution) if counts[source.name] > 1 else source for source in sources
    )


def shared_names(sources: Iterable[PluginSource]) -> Iterator[str]:
    """Yield one sentence per entry-point name that several of these plugins have."""
    owners: dict[str, list[str]] = {}
    for source in sources:
        owners.setdefault(source.entry_point.name, []).append(source.distribution)
    for name, distributions in owners.items():
        if len(distributions) > 1:
            several = list(dict.fromkeys(distributions))
            by = f"by {' and '.join(several)}" if len(several) > 1 else f"twice by {several[0]}"
            yield f'Entry point "{name}" is declared {by}. Both are loaded; name them by distribution.'


def guess_plugin(name: str, spellings: Iterable[str]) -> str:
    """Return ` Did you mean zoo-acme?` for a misspelt plugin, or nothing; only the nearest, as all begin alike."""
    close = suggest(name, sorted(spellings), limit=1)
    return f" Did you mean {close[0]}?" if close else ""


def _source(entry_point: metadata.EntryPoint) -> PluginSource:
    headers = _headers(entry_point.dist)
    return PluginSource(
        name=entry_point.name,
        distribution=headers.get("name") or UNKNOWN,
        version=headers.get("version") or UNKNOWN,
        entry_point=entry_point,
    )


def _builtin() -> PluginSource:
    """Return core's own plugin where core runs without being installed."""
    from zoo_core import __version__

    entry_point = metadata.EntryPoint(name="core", value=BUILTIN_MODULE, group=PROJECT)
    return PluginSource(name="core", distribution="zoo-core", version=__version__, entry_point=entry_point)


def _headers(dist: metadata.Distribution | None) -> dict[str, str]:
    """Return the first lines of a distribution's metadata by name; a damaged installation is no reason to stop.

    `Distribution.name` and `.version` parse the whole file each, with the page of the project that it ends with.
    """
    if dist is None:
        return {}
    try:
        text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    except Exception:  # noqa: BLE001 - importlib.metadata fails in many ways on damaged metadata
        return {}
    lines = text.partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith((" ", "\t")))
    return {name.lower(): value.strip() for name, colon, value in pairs if colon}


def _made_unique(sources: Iterable[PluginSource]) -> tuple[PluginSource, ...]:
    """Return the sources, with the module in the name where one distribution's plugins still share it."""
    listed = tuple(sources)
    counts = Counter(canonical_distribution(source.name) for source in listed)
    return tuple(
        replace(source, name=f"{source.name}:{source.module}")
        if counts[canonical_distribution(source.name)] > 1
        else source
        for source in listed
    )
