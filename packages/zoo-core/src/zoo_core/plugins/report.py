"""Own what is known of a plugin after loading: where it comes from, what it provides, why it failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

PluginStatus = Literal["ok", "broken", "disabled"]

OK: PluginStatus = "ok"
BROKEN: PluginStatus = "broken"
DISABLED: PluginStatus = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """State one plugin as a fact that can be listed, whether it works or not."""

    name: str
    """Name of the entry point, or of the distribution where two share an entry-point name."""
    distribution: str
    version: str
    module: str
    """What the entry point names, such as `zoo_acme.plugin`."""
    status: PluginStatus
    """`ok`; `broken` when something of it is missing from the catalogue; `disabled` when not asked for."""
    hooks: tuple[str, ...] = ()
    provides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names by kind: `{"models": ("acme_net",)}`."""
    cause: str | None = None
    """Why the plugin is broken or disabled, in one line."""
    traceback: str | None = None
    problems: tuple[str, ...] = ()
    """Everything a user should know about the plugin, each a whole sentence with its cure."""
    import_seconds: float = 0.0
    """Seconds spent importing the module and calling the hooks that declare components."""
    heavy_modules: tuple[str, ...] = ()
    """Heavy packages that were imported meanwhile; nothing when they were loaded before."""

    @property
    def label(self) -> str:
        """Return `zoo-acme 0.3`."""
        return f"{self.distribution} {self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-able form with stable keys."""
        data = asdict(self)
        data["provides"] = {kind: list(names) for kind, names in sorted(self.provides.items())}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}
