"""Own the choice of plugins by the user: an allow list, a block list, and the environment variable."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zoo_core.errors import UserError
from zoo_core.plugins.discovery import PluginSource, guess_plugin
from zoo_core.plugins.registry import canonical_distribution

ENVIRONMENT_VARIABLE = "ZOO_PLUGINS"


@dataclass(frozen=True, slots=True)
class PluginSelection:
    """Say which installed plugins to load; the built-in one always is.

    Plugins are named by distribution (`zoo-acme`) or by entry point (`acme`).
    """

    only: tuple[str, ...] | None = None
    """Load these alone; an empty tuple loads none beside the built-in one, `None` loads all."""
    disabled: tuple[str, ...] = ()
    """Do not load these."""
    source: str = "--plugins"
    """What the user set, for messages about `only`."""

    def with_environment(self, environ: Mapping[str, str] | None = None) -> PluginSelection:
        """Return the selection with `ZOO_PLUGINS=a,b` as allow list where no other is given.

        The variable set to nothing loads only the built-in plugin.
        """
        text = (os.environ if environ is None else environ).get(ENVIRONMENT_VARIABLE)
        if self.only is not None or text is None:
            return self
        names = tuple(name for part in text.split(",") if (name := part.strip()))
        return PluginSelection(only=names, disabled=self.disabled, source=ENVIRONMENT_VARIABLE)

    def admits(self, source: PluginSource) -> bool:
        """Tell whether a plugin is to be loaded; the built-in one always is."""
        wanted = self.only is None or bool(source.labels & _folded(self.only))
        return source.builtin or (wanted and not source.labels & _folded(self.disabled))

    def check(self, sources: Iterable[PluginSource]) -> tuple[str, ...]:
        """Return one sentence per plugin that is to be left out but is not installed at all.

        Raises:
            UserError: When a plugin that is asked for is not installed.
        """
        installed = tuple(sources)
        if lost := _not_installed(self.only or (), installed):
            msg = f"{self.source}: plugin {' '.join(lost)}"
            names = ", ".join(sorted({source.distribution for source in installed}))
            raise UserError(msg, hint=f"Installed: {names}")
        return tuple(f"Left out on request: plugin {text}" for text in _not_installed(self.disabled, installed))


def _folded(names: Iterable[str]) -> set[str]:
    return {canonical_distribution(name) for name in names}


def _not_installed(names: Iterable[str], installed: tuple[PluginSource, ...]) -> list[str]:
    known = {label for source in installed for label in source.labels}
    spellings = {name for source in installed for name in (source.name, source.distribution)}
    lost = [name for name in names if canonical_distribution(name) not in known]
    return [f'"{name}" is not installed.{guess_plugin(name, spellings)}' for name in lost]
