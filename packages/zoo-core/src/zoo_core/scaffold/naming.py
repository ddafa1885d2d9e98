"""Own the names of a new plugin: what follows from the one that its author gives, and what is wrong with that one."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from importlib import metadata

from zoo_core.plugins.registry import canonical_distribution

PREFIX = "zoo-"
LONGEST = 32
"""Characters of a name, so that lines of the generated code stay within 120."""
GRAMMAR = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
OFFICIAL = frozenset({"core", "classification", "detection", "reid", "pose", "stm32"})
"""Names of the distributions that zoo itself consists of, installed or not."""


@dataclass(frozen=True, slots=True)
class PluginName:
    """Derive every name of a plugin from one such as `my-net`."""

    plain: str

    @property
    def distribution(self) -> str:
        """Return `zoo-my-net`."""
        return f"{PREFIX}{self.plain}"

    @property
    def package(self) -> str:
        """Return `zoo_my_net`."""
        return self.distribution.replace("-", "_")

    @property
    def component(self) -> str:
        """Return `my_net`."""
        return self.plain.replace("-", "_")

    @property
    def board(self) -> str:
        """Return `MY-NET`, as boards are called."""
        return self.plain.upper()

    def problems(self) -> list[str]:
        """Return in words why no plugin can have this name."""
        if not GRAMMAR.fullmatch(self.plain):
            return [self._misspelt()]
        problems = []
        if self.plain.startswith(PREFIX):
            rest = self.plain.removeprefix(PREFIX)
            problems.append(f'"{self.plain}" begins with {PREFIX}, which every plugin gets by itself; give {rest}')
        if len(self.plain) > LONGEST:
            problems.append(f'"{self.plain}" has {len(self.plain)} characters, and at most {LONGEST} are possible')
        if self.plain in OFFICIAL:
            problems.append(f"{self.distribution} is a distribution of zoo itself")
        elif version := installed_version(self.distribution):
            problems.append(f"the distribution {self.distribution} {version} is installed already")
        elif importlib.util.find_spec(self.package) is not None:
            problems.append(f"there is a Python package {self.package} already")
        return problems

    def _misspelt(self) -> str:
        rule = "a name is lower-case letters and digits, begins with a letter and may have single hyphens inside"
        legal = re.sub(r"[^a-z0-9]+", "-", self.plain.lower()).lstrip("0123456789-").rstrip("-")
        return f'"{self.plain}" is no name of a plugin: {rule}, such as {legal or "my-net"}'


def installed_version(distribution: str) -> str | None:
    """Return the version of an installed distribution, compared as package indexes compare names."""
    wanted = canonical_distribution(distribution)
    for found in metadata.distributions():
        name = found.metadata["Name"]
        if name is not None and canonical_distribution(name) == wanted:
            return found.version
    return None
