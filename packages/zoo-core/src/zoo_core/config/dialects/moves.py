"""Own the record of what a dialect moved, so that errors name the key that the user wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo_core.config.issues import make_issue
from zoo_core.config.values import NOTHING
from zoo_core.errors import ConfigIssue

ABSENT: Any = object()


@dataclass(slots=True)
class Moves:
    """Gather notes, contradictions, and for every canonical key the key in the file."""

    notes: list[str] = field(default_factory=list)
    issues: list[ConfigIssue] = field(default_factory=list)
    written_as: dict[str, str] = field(default_factory=dict)

    def written(self, key: str) -> str:
        """Return the key under which the user wrote a canonical key."""
        head, tail = key, ""
        while head:
            if head in self.written_as:
                return self.written_as[head] + tail
            head, _, last = head.rpartition(".")
            tail = f".{last}{tail}"
        return key

    def move(self, data: dict[str, Any], old: str, new: str) -> None:
        """Move a value to its canonical place, in place."""
        value = take(data, old)
        if value is not ABSENT and not self.place(data, value, old, new, f"{old} is read as {new}"):
            put(data, old, value)

    def place(self, data: dict[str, Any], value: Any, old: str, new: str, note: str) -> bool:
        """Set a canonical key to what another key stands for, in place; tell whether there is a place for it.

        Two keys with different values are a contradiction.
        """
        present = look(data, new)
        if present is ABSENT or is_nothing(present):
            if not put(data, new, value):
                return False
            self.note(old, new, note)
        elif not (is_nothing(value) or value == present):
            message = f"it stands for {new} {value!r}, but {new} is {present!r}"
            self.issues.append(make_issue(old, message, hint=f"Keep {new} only"))
        return True

    def note(self, old: str, new: str, text: str) -> None:
        """Record that a canonical key came from another one."""
        self.written_as[new] = self.written(old)
        self.notes.append(text)

    def complain(self, key: str, message: str, hint: str | None = None) -> None:
        """Record that a value cannot be rewritten."""
        self.issues.append(make_issue(key, message, hint=hint))


def is_nothing(value: Any) -> bool:
    """Tell whether a value means that the key is not there."""
    return value is None or (isinstance(value, str) and value.strip().casefold() in NOTHING)


def look(data: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key, or `ABSENT`."""
    node: Any = data
    for name in key.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return ABSENT
        node = node[name]
    return node


def take(data: dict[str, Any], key: str) -> Any:
    """Remove a dotted key and return its value, or `ABSENT`."""
    parent, _, name = key.rpartition(".")
    node = look(data, parent) if parent else data
    return node.pop(name, ABSENT) if isinstance(node, dict) else ABSENT


def put(data: dict[str, Any], key: str, value: Any) -> bool:
    """Set a dotted key, making sections on the way; tell whether nothing else stood in the way."""
    *sections, name = key.split(".")
    node = data
    for section in sections:
        inner = node.get(section)
        if is_nothing(inner):
            inner = node[section] = {}
        if not isinstance(inner, dict):
            return False
        node = inner
    node[name] = value
    return True
