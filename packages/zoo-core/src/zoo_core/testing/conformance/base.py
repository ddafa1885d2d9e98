"""Own what all conformance classes share: the component they are about, capabilities, and no silent overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from zoo_core.plugins.registry import Resolved

KIT = "zoo_core.testing.conformance"
GUARD = "test_no_check_is_overridden_silently"
CHECK = "test_"
CAPABILITY_PREFIXES = ("supports_", "needs_", "reads_", "resumes_")
UNKNOWN_KEY = "zoo_no_such_key"
"""Key that no section has."""


class Conformance:
    """Find the component, and see to it that no check is left out without a reason that everybody can read."""

    kind: ClassVar[str] = ""
    """Kind of component, which is also the attribute that holds its name."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a class that overrides the check of overrides.

        Raises:
            TypeError: When it does.
        """
        super().__init_subclass__(**kwargs)
        if GUARD in vars(cls) and not _of_kit(cls):
            msg = f"{cls.__name__} must not override {GUARD}"
            raise TypeError(msg)

    @pytest.fixture(scope="class")
    @classmethod
    def component(cls) -> str:
        """Return the name of the component; override this fixture with parameters to check several in one class."""
        name = getattr(cls, cls.kind, "")
        if not name:
            pytest.fail(f"{cls.__name__} names no component: set {cls.kind} = ...")
        return str(name)

    @pytest.fixture(scope="class")
    @classmethod
    def resolved(cls, component: str) -> Resolved[Any]:
        """Return the specification of the component with the plugin it comes from."""
        return find_component(cls.kind, component)

    def need(self, capability: str, *, wanted: bool = True) -> None:
        """Skip the check when a capability is not what it needs, and say which one it is."""
        if getattr(self, capability) is not wanted:
            pytest.skip(f"{type(self).__name__} says {capability} = {not wanted}")

    def test_no_check_is_overridden_silently(self) -> None:
        """A check may be overridden only with `@pytest.mark.xfail(reason=...)`; capabilities must be known ones."""
        found = [*silent_overrides(type(self)), *unknown_capabilities(type(self))]
        assert not found, "\n".join(found)


def find_component(kind: str, name: str) -> Resolved[Any]:
    """Return an installed component.

    Raises:
        UserError: When there is none, naming those that come near.
    """
    from zoo_core.plugins import get_catalog

    resolved: Resolved[Any] = get_catalog().registry(kind).resolve(name)
    return resolved


def silent_overrides(cls: type) -> list[str]:
    """Return a sentence for every check that a class replaces without an `xfail` that says why."""
    checks = {name for base in cls.__mro__ if _of_kit(base) for name in vars(base) if name.startswith(CHECK)}
    replaced = [
        (base, name) for base in cls.__mro__ if not _of_kit(base) for name in sorted(checks & vars(base).keys())
    ]
    return [
        f"{base.__name__}.{name} overrides a check; mark it with @pytest.mark.xfail(reason=...) or remove it"
        for base, name in replaced
        if not any(
            mark.name == "xfail" and str(mark.kwargs.get("reason") or "").strip()
            for mark in getattr(vars(base)[name], "pytestmark", ())
        )
    ]


def unknown_capabilities(cls: type) -> list[str]:
    """Return a sentence for every attribute that looks like a capability and is none, such as a misspelt one."""
    known = {
        name: vars(base)[name]
        for base in cls.__mro__
        if _of_kit(base)
        for name in vars(base)
        if name.startswith(CAPABILITY_PREFIXES)
    }
    set_here = [
        (base, name)
        for base in cls.__mro__
        if not _of_kit(base)
        for name in vars(base)
        if name.startswith(CAPABILITY_PREFIXES)
    ]
    texts = [
        f"{base.__name__}.{name} is no capability; there are {', '.join(sorted(known)) or 'none'}"
        for base, name in set_here
        if name not in known
    ]
    texts += [
        f"{base.__name__}.{name} must be True or False, not {vars(base)[name]!r}"
        for base, name in set_here
        if name in known and not isinstance(vars(base)[name], bool)
    ]
    return texts


def _of_kit(cls: type) -> bool:
    return cls.__module__.startswith(KIT)
