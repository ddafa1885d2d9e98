"""Own what holds for one call of the command line: the shared options and the catalogue they select."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core.errors import UserError

if TYPE_CHECKING:
    from zoo_core.plugins import PluginSelection
    from zoo_core.plugins.catalog import Catalog


@dataclass(slots=True)
class Session:
    """Gather the shared options, which may stand before the command or after it."""

    json: bool = False
    plugins: tuple[str, ...] | None = None
    no_plugins: bool = False
    strict_plugins: bool = False
    debug: bool = False
    run_dir: Path | None = None
    """Folder of the run under way, named when the user interrupts it."""

    def update(self, *, json: bool, plugins: str | None, no_plugins: bool, strict_plugins: bool, debug: bool) -> None:
        """Take the options of one place of the command line; those given elsewhere stay.

        Raises:
            UserError: When the options contradict each other.
        """
        self.json |= json
        self.no_plugins |= no_plugins
        self.strict_plugins |= strict_plugins
        self.debug |= debug
        if plugins is not None:
            self.plugins = tuple(name.strip() for name in plugins.split(",") if name.strip())
        if self.no_plugins and self.plugins is not None:
            msg = "--plugins and --no-plugins contradict each other."
            raise UserError(msg, hint="Give one of them.")

    def selection(self) -> PluginSelection | None:
        """Return which plugins to load, or nothing for all of them."""
        from zoo_core.plugins import PluginSelection

        if self.no_plugins:
            return PluginSelection(only=())
        return None if self.plugins is None else PluginSelection(only=self.plugins)

    def catalog(self) -> Catalog:
        """Load the selected plugins and return what they offer.

        Raises:
            PluginError: With `--strict-plugins`, when any of them has a problem.
        """
        from zoo_core.plugins import get_catalog

        catalog = get_catalog(self.selection())
        if self.strict_plugins:
            catalog.require_sound()
        return catalog
