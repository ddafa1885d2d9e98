"""Find plugins, keep each one's failures its own, and offer everything they declare as one catalogue."""

from functools import cache

from zoo_core.plugins.catalog import KINDS, Catalog
from zoo_core.plugins.guard import plugin_code
from zoo_core.plugins.manager import build_catalog
from zoo_core.plugins.registry import Registry, Resolved
from zoo_core.plugins.report import PluginReport
from zoo_core.plugins.selection import PluginSelection

__all__ = [
    "KINDS",
    "Catalog",
    "PluginReport",
    "PluginSelection",
    "Registry",
    "Resolved",
    "build_catalog",
    "get_catalog",
    "plugin_code",
]


def get_catalog(selection: PluginSelection | None = None) -> Catalog:
    """Return the catalogue of the installed plugins, built once per selection and process.

    Where the selection names no allow list, `ZOO_PLUGINS` holds; without that, the user's file of disabled plugins.

    Raises:
        UserError: When the selection asks for a plugin that is not installed.
    """
    return _cached((selection or PluginSelection()).with_environment().with_user_file())


@cache
def _cached(selection: PluginSelection) -> Catalog:
    return build_catalog(selection)
