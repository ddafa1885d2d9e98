"""Own the check of a whole configuration: every section against its class, every fault noted, nothing read."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from zoo_core.config.describe import listed, shorten
from zoo_core.config.dialects.moves import is_nothing
from zoo_core.config.explain import faults
from zoo_core.config.modes import required_sections
from zoo_core.config.paths import absent_paths, make_absolute
from zoo_core.config.places import Places
from zoo_core.config.sections import RunConfig
from zoo_core.errors import ConfigIssue
from zoo_core.names import did_you_mean

PLAIN_KEYS = ("operation_mode", "use_case")
"""Keys of the top level that are no sections."""
ALWAYS = ("model", "dataset", "preprocessing")
"""Sections that exist in every run, by their defaults where the file has none."""
APP, DEPLOYMENT = "app", "d"
"""Section of a use case's application, and the service that reads it; its defaults hold where the file has none."""


@dataclass(slots=True, kw_only=True)
class Checker:
    """Check the sections of one configuration; what passed and what is wrong is gathered here."""

    types: Mapping[str, type[BaseModel]]
    """Class of every section that means something."""
    letters: str
    """Services of the operation mode."""
    places: Places
    use_case: str | None = None
    """Name of the use case, nothing when it is not known."""
    sections: dict[str, BaseModel] = field(default_factory=dict)
    issues: list[ConfigIssue] = field(default_factory=list)

    def check(self, data: Mapping[str, Any]) -> None:
        """Check a canonical configuration, and fill in the sections that every run has."""
        homes = _homes(self.types)
        for name, value in data.items():
            if name in PLAIN_KEYS:
                continue
            if name not in self.types:
                self.issues.append(self._stranger(name, homes))
            elif not is_nothing(value):
                self._check_section(name, value, {key: home for key, home in homes.items() if home != name})
        for name in dict.fromkeys((*required_sections(self.letters), *ALWAYS)):
            if is_nothing(data.get(name)):
                self._fill(name)
        if APP in self.types and is_nothing(data.get(APP)) and DEPLOYMENT in self.letters:
            self._fill(APP)

    def _check_section(self, name: str, value: Any, elsewhere: Mapping[str, str]) -> None:
        if not isinstance(value, dict):
            self._complain(name, f"expected a section with keys, found {shorten(value)}")
            return
        value, section = copy.deepcopy(value), self.types[name]
        make_absolute(section, value, name, self.places)
        self.issues.extend(absent_paths(section, value, name, self.places))
        try:
            self.sections[name] = section.model_validate(value)
        except ValidationError as error:
            needed = name in required_sections(self.letters) or name in ALWAYS
            for fault in faults(error, section, value, elsewhere):
                if needed or not fault.missing:  # nobody misses a key of a section that no service reads
                    self._complain(f"{name}.{fault.key}" if fault.key else name, fault.message, fault.hint)

    def _fill(self, name: str) -> None:
        """Make an absent section from its defaults, or say that the mode needs it."""
        if name in required_sections(self.letters):
            self._complain(name, "the section is missing; the operation mode needs it")
            return
        try:
            self.sections[name] = self.types[name].model_validate({})
        except ValidationError as error:
            for fault in faults(error, self.types[name], {}):
                self._complain(f"{name}.{fault.key}", fault.message, fault.hint)

    def _stranger(self, name: str, homes: Mapping[str, str]) -> ConfigIssue:
        """Say what is wrong with a key of the top level that is no section here."""
        legal = [*PLAIN_KEYS, *self.types]
        if name in RunConfig.model_fields:
            where = f"use case {self.use_case}" if self.use_case else "this configuration"
            return self.places.issue(name, f"the section means nothing for {where}", "Remove it")
        if name in homes:
            return self.places.issue(name, "there is no such section", f"The key belongs to {homes[name]}")
        near = did_you_mean(name, legal)
        return self.places.issue(name, "there is no such section", near or f"Legal are {listed(legal)}")

    def _complain(self, key: str, message: str, hint: str | None = None) -> None:
        self.issues.append(self.places.issue(key, message, hint))


def _homes(types: Mapping[str, type[BaseModel]]) -> dict[str, str]:
    """Return for each key that only one section takes where it belongs."""
    homes: dict[str, list[str]] = {}
    for name, section in types.items():
        for key, item in section.model_fields.items():
            homes.setdefault(item.alias or key, []).append(name)
    return {key: sections[0] for key, sections in homes.items() if len(sections) == 1}
