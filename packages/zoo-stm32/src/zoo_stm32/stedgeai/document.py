"""Own typed access to a JSON report: a field that is absent or of another kind is one error that names it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from zoo_core.errors import ZooError

WRITTEN_FOR = "zoo-stm32 reads the reports of ST Edge AI Core 2.x, 3.x and 4.x; use one of these versions."


class Node:
    """Wrap one value of a JSON file together with the place where it stands."""

    def __init__(self, file: Path, where: str, value: object) -> None:
        self.file = file
        self.where = where
        self.value = value

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def __getitem__(self, key: str) -> Node:
        """Return a field.

        Raises:
            ZooError: If it is not there.
        """
        inner = self.get(key)
        if inner is None:
            raise self.wrong(f"the field {self._path(key)} is missing")
        return inner

    def get(self, key: str) -> Node | None:
        """Return a field, or nothing where it is absent or null."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"{self.where or 'the file'} should be a table")
        value = self.value.get(key)
        return None if value is None else Node(self.file, self._path(key), value)

    def items(self) -> Sequence[Node]:
        """Return the members of a list."""
        if not isinstance(self.value, list):
            raise self.wrong(f"the field {self.where} should be a list")
        return [Node(self.file, f"{self.where}[{index}]", value) for index, value in enumerate(self.value)]

    def integer(self) -> int:
        """Return a whole number that is not negative."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(f"the field {self.where} should be a number of bytes or operations, not {self.value!r}")
        return value

    def number(self) -> float:
        """Return a number."""
        if not isinstance(self.value, int | float) or isinstance(self.value, bool):
            raise self.wrong(f"the field {self.where} should be a number, not {self.value!r}")
        return float(self.value)

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.wrong(f"the field {self.where} should be a text, not {self.value!r}")
        return self.value

    def wrong(self, what: str) -> ZooError:
        """Return the error that says what is wrong in this file."""
        return ZooError(f"{self.file}: {what}.", hint=WRITTEN_FOR)

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def read_json(file: Path) -> Node:
    """Read a JSON file whose top is a table.

    Raises:
        ZooError: If it cannot be read, is cut off or is something else.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ZooError(f"{file} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ZooError(
            f"{file} is not complete JSON: {error}.",
            hint="The tool was interrupted or its disk is full; free space and run again.",
        ) from error
    if not isinstance(value, dict):
        raise ZooError(f"{file} is no report: its top should be a table.", hint=WRITTEN_FOR)
    return Node(file, "", value)
