"""Own the careful reading of JSON that somebody else wrote: each value with its place and what it should be."""

from __future__ import annotations

import math
from typing import Any, Final, NoReturn

from zoo_stm32.cloud.errors import CloudCause, CloudError

WHOLE: Final = 100.0


class Part:
    """Point to one value of an answer."""

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def at(self, *names: str | int) -> Part:
        """Return the value under some names.

        Raises:
            CloudError: When it is not there.
        """
        part = self
        for name in names:
            found = part.find(name)
            if found is None:
                _unknown(f"{part.path}.{name}", "is missing")
            part = found
        return part

    def find(self, name: str | int) -> Part | None:
        """Return the value under a name, or nothing when it is absent or null."""
        if isinstance(name, int):
            found = self.value[name] if isinstance(self.value, list) and name < len(self.value) else None
        else:
            found = self.value.get(name) if isinstance(self.value, dict) else None
        return None if found is None else Part(found, f"{self.path}.{name}")

    def items(self) -> list[Part]:
        """Return the values of a list.

        Raises:
            CloudError: When it is no list.
        """
        if not isinstance(self.value, list):
            _unknown(self.path, "should be a list")
        return [Part(item, f"{self.path}.{index}") for index, item in enumerate(self.value)]

    def number(self) -> float:
        """Return a number that is not negative.

        Raises:
            CloudError: When it is none.
        """
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            _unknown(self.path, "should be a number of 0 or more")
        return float(value)

    def whole(self) -> int:
        """Return a whole number that is not negative.

        Raises:
            CloudError: When it is none.
        """
        value = self.number()
        if not value.is_integer():
            _unknown(self.path, "should be a whole number")
        return int(self.value)

    def positive(self) -> float:
        """Return a number above 0.

        Raises:
            CloudError: When it is none.
        """
        value = self.number()
        if value == 0:
            _unknown(self.path, "should be above 0")
        return value

    def share(self) -> float:
        """Return a percentage as a share of 1.

        Raises:
            CloudError: When it is none.
        """
        value = self.number()
        if value > WHOLE:
            _unknown(self.path, "should be at most 100 %")
        return value / WHOLE

    def address(self) -> int:
        """Return an address, which is a number or a text such as `0x34100000`.

        Raises:
            CloudError: When it is none.
        """
        if not isinstance(self.value, str):
            return self.whole()
        try:
            return int(self.value, 16 if self.value.lower().startswith("0x") else 10)
        except ValueError:
            _unknown(self.path, "should be an address")

    def text(self) -> str:
        """Return a text; numbers become one.

        Raises:
            CloudError: When it is none.
        """
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            _unknown(self.path, "should be a text")
        return str(self.value)


def whole_or_none(part: Part | None) -> int | None:
    """Return a whole number, or nothing when it was not reported: absent, null, or the -1 that says so."""
    return None if part is None or part.value == -1 else part.whole()


def number_or_none(part: Part | None) -> float | None:
    """Return a number, or nothing when it was not reported: absent, null, or the -1 that says so."""
    return None if part is None or part.value == -1 else part.number()


def text_or_empty(part: Part | None) -> str:
    """Return a text, or an empty one when it was not reported."""
    return "" if part is None else part.text()


def _unknown(path: str, problem: str) -> NoReturn:
    raise CloudError(
        f"The Developer Cloud sent a result of a form that is not known: {path} {problem}. No figure of it was used.",
        cause=CloudCause.SCHEMA,
        hint="zoo-stm32 was written for ST Edge AI Core 2.x to 4.x; set tools.stedgeai.version to one of these.",
    )
