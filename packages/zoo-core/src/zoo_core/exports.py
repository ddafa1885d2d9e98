"""Own the names that a package offers: each is imported when it is asked for, and some are on their way out."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, tuple[str, str]] = MappingProxyType({})


class Exports:
    """Answer for the `__getattr__` and `__dir__` of a package that imports nothing by itself."""

    __slots__ = ("_homes", "_package", "_renamed")

    def __init__(
        self, package: str, homes: Mapping[str, Sequence[str]], *, renamed: Mapping[str, tuple[str, str]] = NOTHING
    ) -> None:
        """Take the names by the module that defines them.

        Args:
            package: Dotted name of the package.
            homes: Dotted name of a module -> names it defines.
            renamed: Name that goes out of use -> (exported name to use instead, version that no longer has it).
        """
        self._package = package
        self._homes = {name: module for module, names in homes.items() for name in names}
        self._renamed = renamed

    def get(self, name: str) -> Any:
        """Return what a name stands for, with a warning to the caller's caller when the name goes out of use.

        Raises:
            AttributeError: When the package offers no such name.
        """
        if (leaving := self._renamed.get(name)) is not None:
            from zoo_core.errors import warn_deprecated

            instead, removed_in = leaving
            warn_deprecated(f"{self._package}.{name}", f"{self._package}.{instead}", removed_in, stacklevel=3)
            return self.get(instead)
        home = self._homes.get(name)
        if home is None:
            msg = f"module {self._package!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name)
        return getattr(importlib.import_module(home), name)

    def home(self, name: str) -> str:
        """Return the dotted name of the module that defines a name."""
        return self._homes[name]

    def names(self) -> list[str]:
        """Return the names it offers and that are there to stay."""
        return sorted(self._homes)
