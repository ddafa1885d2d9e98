"""Own what holds for one call of the command line: the shared options and the catalogue they select."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.errors import UserError

if TYPE_CHECKING:
    from zoo_core.plugins import PluginSelection
    from zoo_core.plugins.catalog import Catalog

MOST_TOLD = 5
"""Problems of plugins that a command shows which is about something else."""


@dataclass(slots=True)
class Session:
    """Gather the shared options, which may stand before the command or after it."""

    json: bool = False
    quiet: bool = False
    plugins: tuple[str, ...] | None = None
    no_plugins: bool = False
    strict_plugins: bool = False
    debug: bool = False
    run_dir: Path | None = None
    """Folder of the run under way, named when the user interrupts it."""
    _told: bool = False

    def update(
        self, *, json: bool, quiet: bool, plugins: str | None, no_plugins: bool, strict_plugins: bool, debug: bool
    ) -> None:
        """Take the options of one place of the command line; those given elsewhere stay.

        Raises:
            UserError: When the options contradict each other.
        """
        self.json |= json
        self.quiet |= quiet
        self.no_plugins |= no_plugins
        self.strict_plugins |= strict_plugins
        self.debug |= debug
        if plugins is not None:
            self.plugins = tuple(name.strip() for name in plugins.split(",") if name.strip())
        if self.quiet:
            from zoo_core.cli import _output as output

            output.hide_notes()
        if self.no_plugins and self.plugins is not None:
            msg = "--plugins and --no-plugins contradict each other."
            raise UserError(msg, hint="Give one of them.")

    def selection(self) -> PluginSelection | None:
        """Return which plugins to load, or nothing for all of them."""
        from zoo_core.plugins import PluginSelection

        if self.no_plugins:
            return PluginSelection(only=(), source="--no-plugins")
        return None if self.plugins is None else PluginSelection(only=self.plugins)

    def catalog(self, *, tell: bool = True) -> Catalog:
        """Load the selected plugins, say what is wrong with them, and return what they offer.

        Args:
            tell: Whether to print the problems, for commands that do not show them themselves.

        Raises:
            PluginError: With `--strict-plugins`, when any of them has a problem.
        """
        from zoo_core.plugins import get_catalog

        catalog = get_catalog(self.selection())
        if self.strict_plugins:
            catalog.require_sound()
        if tell and not self._told:
            self._told = True
            _tell(catalog.problems)
        return catalog


def _tell(problems: Sequence[str]) -> None:
    from zoo_core.cli import _output as output

    for problem in problems[:MOST_TOLD]:
        output.emit_warning(problem)
    if len(problems) > MOST_TOLD:
        count = len(problems) - MOST_TOLD
        output.emit_warning(f"{count} more problem{'s' if count > 1 else ''} with plugins. See: zoo plugins")
    elif problems:
        output.emit_note("See every problem with plugins: zoo plugins")
