"""Own the lookup of the names a configuration holds in the registries, faults noted under the user's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from zoo_core.config.dialects.moves import is_nothing, look
from zoo_core.config.places import Places
from zoo_core.errors import ConfigIssue, UserError
from zoo_core.specs import Spec

if TYPE_CHECKING:
    from zoo_core.plugins.catalog import Catalog
    from zoo_core.plugins.registry import Registry, Resolved

S = TypeVar("S", bound=Spec)


def labels(registry: Registry[Any], task: str | None = None) -> list[str]:
    """Return every name and alias of the components that serve a use case."""
    return [label for entry in registry.find("*", task) for label in (entry.spec.name, *entry.spec.aliases)]


def within_task(registry: Registry[S], name: str, task: str) -> Resolved[S] | None:
    """Return the one component of a use case that has a name or alias, so that use cases may share names."""
    folded = name.casefold()
    own = [entry for entry in registry.find("*", task) if entry.spec.name.casefold() == folded]
    found = own or [
        entry for entry in registry.find("*", task) if folded in (alias.casefold() for alias in entry.spec.aliases)
    ]
    return found[0].asked_as(name) if len(found) == 1 else None


@dataclass(slots=True)
class Lookup:
    """Look names up for one configuration."""

    data: Mapping[str, Any]
    catalog: Catalog
    places: Places
    issues: list[ConfigIssue] = field(default_factory=list)

    def text(self, key: str) -> str | None:
        """Return the name that stands under a key; a number is a name too, a section is not."""
        value = look(self.data, key)
        if is_nothing(value) or not isinstance(value, str | int | float) or isinstance(value, bool):
            return None
        return str(value).strip()

    def resolve(self, registry: Registry[S], name: str, key: str, task: str | None = None) -> Resolved[S] | None:
        """Return the component of a name, or note what is wrong with it."""
        found = within_task(registry, name, task) if task else None
        try:
            found = found or registry.resolve(name)
        except UserError as error:
            self.complain(key, error.message, error.hint)
            return None
        owner = getattr(found.spec, "task", None)
        if task is not None and owner not in (None, task):
            self.complain(key, f'{found.spec.kind} "{name}" belongs to use case {owner}, not to {task}')
            return None
        return found

    def complain(self, key: str, message: str, hint: str | None = None) -> None:
        """Note what is wrong with a key."""
        self.issues.append(self.places.issue(key, message, " ".join(hint.split()) if hint else None))
