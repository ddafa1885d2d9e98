"""Own the choice of plugins by the user: an allow list, a block list, the environment variable, the user's file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_core.errors import UserError
from zoo_core.plugins.discovery import PluginSource, guess_plugin
from zoo_core.plugins.registry import canonical_distribution
from zoo_core.plugins.user_file import find_user_file, read_disabled

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
    remembered: tuple[str, ...] = ()
    """Do not load these either, as the user's file says; one that is not installed is no matter."""
    file: Path | None = None
    """The user's file, for messages about `remembered`."""
    problems: tuple[str, ...] = ()
    """What is wrong with the user's file."""

    def with_environment(self, environ: Mapping[str, str] | None = None) -> PluginSelection:
        """Return the selection with `ZOO_PLUGINS=a,b` as allow list where no other is given.

        The variable set to nothing loads only the built-in plugin.
        """
        text = (os.environ if environ is None else environ).get(ENVIRONMENT_VARIABLE)
        if self.only is not None or text is None:
            return self
        names = tuple(name for part in text.split(",") if (name := part.strip()))
        return replace(self, only=names, source=ENVIRONMENT_VARIABLE)

    def with_user_file(self, environ: Mapping[str, str] | None = None) -> PluginSelection:
        """Return the selection without the plugins that the user disabled; an allow list outranks the file."""
        path = find_user_file(environ)
        if self.only is not None or path is None:
            return self
        try:
            return replace(self, remembered=read_disabled(path), file=path)
        except UserError as error:
            return replace(self, problems=(f"{error.message} No plugin is disabled by it. {error.hint}",))

    def admits(self, source: PluginSource) -> bool:
        """Tell whether a plugin is to be loaded; the built-in one always is."""
        return self.refusal(source) is None

    def refusal(self, source: PluginSource) -> str | None:
        """Return why a plugin is not to be loaded, or nothing when it is."""
        if source.builtin:
            return None
        if self.only is not None and not source.labels & _folded(self.only):
            return f"left out by {self.source}"
        if source.labels & _folded(self.disabled):
            return "left out on request"
        if source.labels & _folded(self.remembered):
            return f"disabled in {self.file}; to load it again: zoo plugins enable {source.name}"
        return None

    def check(self, sources: Iterable[PluginSource]) -> tuple[str, ...]:
        """Return what is wrong with the choice, such as a plugin to be left out that is not installed at all.

        Raises:
            UserError: When a plugin that is asked for is not installed.
        """
        installed = tuple(sources)
        if lost := _not_installed(self.only or (), installed):
            msg = f"{self.source}: plugin {' '.join(lost)}"
            names = ", ".join(sorted({source.distribution for source in installed}))
            raise UserError(msg, hint=f"Installed: {names}")
        absent = _not_installed(self.disabled, installed)
        return (*self.problems, *(f"Left out on request: plugin {text}" for text in absent))


def _folded(names: Iterable[str]) -> set[str]:
    return {canonical_distribution(name) for name in names}


def _not_installed(names: Iterable[str], installed: tuple[PluginSource, ...]) -> list[str]:
    known = {label for source in installed for label in source.labels}
    spellings = {name for source in installed for name in (source.name, source.distribution)}
    lost = [name for name in names if canonical_distribution(name) not in known]
    return [f'"{name}" is not installed.{guess_plugin(name, spellings)}' for name in lost]
