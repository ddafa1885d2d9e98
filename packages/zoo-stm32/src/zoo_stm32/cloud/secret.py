"""Own the wrapping of secrets, so that no log, message, file or traceback shows one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

MASK: Final = "***"
SHORTEST_MASKED: Final = 4
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Secret:
    """Hold a password or token that only `reveal` gives away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one place that sends it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other.reveal()

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, which would write the secret to a file or a pipe."""
        raise TypeError("a secret cannot be pickled")


def masked(text: str, secrets: Iterable[Secret]) -> str:
    """Return a text with every secret in it replaced, for what a service sends back."""
    for secret in secrets:
        if len(secret.reveal()) >= SHORTEST_MASKED:
            text = text.replace(secret.reveal(), MASK)
    return text


def masked_tree(value: Any, secrets: tuple[Secret, ...]) -> Any:
    """Return parsed JSON with every secret in its texts replaced."""
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, list):
        return [masked_tree(item, secrets) for item in value]
    if isinstance(value, dict):
        return {masked(str(key), secrets): masked_tree(item, secrets) for key, item in value.items()}
    return value


def one_line(text: str, limit: int = 300) -> str:
    """Return foreign text fit for a message: no control characters, one line, not endless."""
    clean = " ".join(CONTROL.sub(" ", text).split())
    return clean if len(clean) <= limit else f"{clean[:limit]} ..."
