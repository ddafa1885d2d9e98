"""Own the lookup of components by name: exact, alias, `distribution/name`, or member of a family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.lazy import LazyRef
from zoo_core.names import did_you_mean, split_qualified
from zoo_core.plugins.guard import plugin_code
from zoo_core.specs import ModelSpec, Spec

S = TypeVar("S", bound=Spec)
T = TypeVar("T")


def canonical_distribution(name: str) -> str:
    """Return a distribution name as package indexes compare it: lower case, runs of `-_.` as one `-`."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Generic[S]):
    """Hold a component's spec with the plugin it comes from and the name it was asked for by."""

    spec: S
    distribution: str
    version: str
    name: str
    """Name as asked, without a distribution: for a family the member's name, otherwise name or alias."""

    @property
    def qualified(self) -> str:
        """Return `zoo-acme/acme_net`, which no other plugin can shadow."""
        return f"{self.distribution}/{self.spec.name}"

    @property
    def provider(self) -> str:
        """Return `zoo-acme 0.3`."""
        return f"{self.distribution} {self.version}"

    def load(self, ref: LazyRef[T]) -> T:
        """Import one of the spec's references.

        Raises:
            MissingError: When a package that the component needs is not installed; names the component.
            PluginError: When the reference is broken or its module fails; names the plugin.
        """
        with plugin_code(self.distribution, self.version, f"import of {ref.module} for {self.spec.kind} {self.name}"):
            try:
                return ref.load()
            except MissingError as error:
                absent = getattr(error.__cause__, "name", None)
                if absent is None:
                    raise
                msg = f'{self.spec.kind.capitalize()} "{self.name}" needs {absent}, which is not installed.'
                raise MissingError(msg, hint=error.hint) from error

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Load the spec's `build` function and call it; the spec says what it takes and returns.

        Raises:
            MissingError: When a package that the component needs is not installed.
            PluginError: When the plugin's code fails in a way that is no `ZooError`.
        """
        spec: Any = self.spec
        function = self.load(spec.build)
        with plugin_code(self.distribution, self.version, f"build of {self.spec.kind} {self.name}"):
            return function(*args, **kwargs)

    def asked_as(self, name: str) -> Resolved[S]:
        """Return the same component under the name somebody used."""
        return Resolved(spec=self.spec, distribution=self.distribution, version=self.version, name=name)


class Registry(Generic[S]):
    """Find components of one kind; nothing can be added after it is made."""

    __slots__ = ("_by_alias", "_by_name", "_entries", "_families", "_family_notes", "_kind", "_notes")

    def __init__(self, kind: str, entries: Iterable[Resolved[S]] = (), *, notes: Iterable[str] = ()) -> None:
        """Index the components.

        Args:
            kind: Singular name of the kind, such as `model`.
            entries: Components under their own names.
            notes: Sentences that the message for an unknown name adds, such as plugins that failed.
        """
        self._kind = kind
        self._entries = tuple(sorted(entries, key=lambda entry: (entry.spec.name, entry.distribution)))
        self._notes = tuple(notes)
        self._by_name = _index((entry.spec.name, entry) for entry in self._entries)
        self._by_alias = _index((alias, entry) for entry in self._entries for alias in entry.spec.aliases)
        self._families: dict[str, Mapping[str, str]] = {}
        self._family_notes: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """Return the singular name of the kind."""
        return self._kind

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Resolved[S]]:
        """Iterate over the components by name."""
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        """Tell whether a name, alias or qualified name is known; families are not asked."""
        return isinstance(name, str) and bool(self._known(name))

    def names(self) -> tuple[str, ...]:
        """Return every component name once, sorted."""
        return tuple(dict.fromkeys(entry.spec.name for entry in self._entries))

    def entries(self) -> tuple[Resolved[S], ...]:
        """Return every component, sorted by name and distribution."""
        return self._entries

    def get(self, name: str) -> S:
        """Return the spec of a name.

        Raises:
            UserError: When the name is unknown or provided by several plugins.
        """
        return self.resolve(name).spec

    def resolve(self, name: str) -> Resolved[S]:
        """Return the component of a name together with its origin.

        Own names come first, then aliases, both ignoring case; the lists of families, which a library must be
        imported for, come last. `distribution/name` looks in one distribution only.

        Raises:
            UserError: When the name is unknown or provided by several plugins.
        """
        found = self._known(name) or self._members(name)
        if not found:
            raise self._unknown(name)
        if len(found) > 1:
            raise self._clash(split_qualified(name)[1], found)
        return found[0]

    def find(self, pattern: str = "*", task: str | None = None, *, families: bool = False) -> tuple[Resolved[S], ...]:
        """Return the components whose name or an alias matches a shell pattern, ignoring case.

        Args:
            pattern: Such as `yolo*`.
            task: Only components that serve this use case; kinds that serve every use case stay.
            families: Also list matching members of families, which imports their libraries.
        """
        folded = pattern.casefold()
        found = [entry for entry in self._entries if _matches(entry.spec, folded) and _serves(entry.spec, task)]
        if families:
            for entry in self._entries:
                if _serves(entry.spec, task):
                    members = self._family(entry)
                    names = [name for key, name in members.items() if fnmatchcase(key, folded)]
                    found.extend(entry.asked_as(name) for name in names if name.casefold() not in self._by_name)
        return tuple(sorted(found, key=lambda entry: (entry.name, entry.distribution)))

    def owners(self, name: str, *, families: bool = False) -> tuple[Resolved[S], ...]:
        """Return every component that answers to a name by name or alias; with `families` also through a family.

        Families are asked where no component has the name too, since their libraries must be imported for it.
        """
        distribution, plain = split_qualified(name)
        key = plain.casefold()
        known = [entry for table in (self._by_name, self._by_alias) for entry in table.get(key, ())]
        kept = tuple(entry.asked_as(plain) for entry in known if _from(entry, distribution))
        return (*kept, *self._members(name)) if families or not kept else kept

    def clashes(self) -> tuple[str, ...]:
        """Return one sentence with its cure per name or alias that several components of one use case claim."""
        texts = []
        for table in (self._by_name, self._by_alias):
            for key, claimants in table.items():
                if table is self._by_alias and key in self._by_name:
                    continue
                texts += [
                    str(self._clash(found[0].name, found)).replace("\n", " ")
                    for found in _by_task(claimants)
                    if len(found) > 1
                ]
        return tuple(texts)

    def _known(self, name: str) -> tuple[Resolved[S], ...]:
        distribution, plain = split_qualified(name)
        for table in (self._by_name, self._by_alias):
            found = table.get(plain.casefold(), ())
            kept = tuple(entry.asked_as(plain) for entry in found if _from(entry, distribution))
            if kept:
                return kept
        return ()

    def _members(self, name: str) -> tuple[Resolved[S], ...]:
        distribution, plain = split_qualified(name)
        found = []
        for entry in self._entries:
            if _from(entry, distribution):
                member = self._family(entry).get(plain.casefold())
                if member is not None:
                    found.append(entry.asked_as(member))
        return tuple(found)

    def _family(self, entry: Resolved[S]) -> Mapping[str, str]:
        """Return the members of a family by folded name; loaded once, empty where the library is missing."""
        if not isinstance(entry.spec, ModelSpec) or entry.spec.family is None:
            return {}
        key = entry.qualified
        if key not in self._families:
            try:
                list_names = entry.load(entry.spec.family)
                with plugin_code(entry.distribution, entry.version, f"list of the family {entry.spec.name}"):
                    self._families[key] = {str(name).casefold(): str(name) for name in list_names()}
            except ZooError as error:
                self._families[key] = {}
                self._family_notes[key] = f"The models of {key} could not be listed. {error}".replace("\n", " ")
        return self._families[key]

    def _unknown(self, name: str) -> UserError:
        qualified, _ = split_qualified(name)
        if qualified is None:
            labels = {label for entry in self._entries for label in (entry.spec.name, *entry.spec.aliases)}
            labels.update(member for members in self._families.values() for member in members.values())
        else:
            labels = {entry.qualified for entry in self._entries}
        guess = did_you_mean(name, sorted(labels))
        message = f'Unknown {self._kind} "{name}".{f" {guess}" if guess else ""}'
        hints = [f"See: zoo list {self._kind}s", *self._notes, *self._family_notes.values()]
        return UserError(message, hint="\n".join(hints))

    def _clash(self, name: str, found: tuple[Resolved[S], ...]) -> UserError:
        providers = " and ".join(dict.fromkeys(entry.provider for entry in found))
        distributions = list(dict.fromkeys(entry.distribution for entry in found))
        if len(distributions) == 1:
            own = " and ".join(entry.spec.name for entry in found)
            msg = f'{self._kind.capitalize()} name "{name}" of {providers} stands for {own}.'
            return UserError(msg, hint=f"Use {' or '.join(entry.spec.name for entry in found)}.")
        msg = f'{self._kind.capitalize()} "{name}" is provided by {providers}.'
        choices = " or ".join(f"{distribution}/{name}" for distribution in distributions)
        return UserError(msg, hint=f"Use {choices}, or load one of them only: --plugins {distributions[0]}")


def _index(pairs: Iterable[tuple[str, Resolved[S]]]) -> dict[str, tuple[Resolved[S], ...]]:
    table: dict[str, tuple[Resolved[S], ...]] = {}
    for label, entry in pairs:
        key = label.casefold()
        held = table.get(key, ())
        if not any(other.spec is entry.spec for other in held):
            table[key] = (*held, entry.asked_as(label))
    return table


def _by_task(entries: Iterable[Resolved[S]]) -> Iterator[tuple[Resolved[S], ...]]:
    """Yield components in groups of one use case each, which tells those of the same name apart."""
    groups: dict[str | None, list[Resolved[S]]] = {}
    for entry in entries:
        groups.setdefault(getattr(entry.spec, "task", None), []).append(entry)
    for group in groups.values():
        yield tuple(group)


def _from(entry: Resolved[Any], distribution: str | None) -> bool:
    return distribution is None or canonical_distribution(entry.distribution) == canonical_distribution(distribution)


def _matches(spec: Spec, folded_pattern: str) -> bool:
    return any(fnmatchcase(label.casefold(), folded_pattern) for label in (spec.name, *spec.aliases))


def _serves(spec: Spec, task: str | None) -> bool:
    if task is None:
        return True
    if spec.kind == "task":
        return task == spec.name or task in spec.aliases
    own: str | None = getattr(spec, "task", None)
    several: frozenset[str] | None = getattr(spec, "tasks", None)
    return (own is None or own == task) and (several is None or task in several)
