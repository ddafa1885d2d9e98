"""Own what keeps secrets out of run folders and trackers: passwords in addresses, keys that name a secret, variables.

Nothing here decides what a secret is worth; it only hides what looks like one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@'\"]*@")
_SECRET_KEY = re.compile(r"(^|[_.-])(password|passwd|secret|token|credentials?|api_?key|access_?key)$", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST = 6
"""Characters below which the value of a variable is not searched for: it would be found in ordinary words."""


def has_password(address: str) -> bool:
    """Tell whether an address such as `http://user:password@host` holds a login."""
    return _IN_ADDRESS.search(address) is not None


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text in which logins of addresses and the values of secret environment variables are hidden."""
    text = _IN_ADDRESS.sub(f"{HIDDEN}@", text)
    for name, value in environment.items():
        if len(value) >= _SHORTEST and value in text and _SECRET_VARIABLE.search(name):
            text = text.replace(value, HIDDEN)
    return text


def plain_parameters(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as one entry per dotted key, without secrets and without what is not set."""
    return dict(_entries(configuration, ""))


def _entries(values: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found += _entries(value, f"{key}.")
        elif value is not None:
            found.append((key, HIDDEN if _SECRET_KEY.search(key) else _harmless(value)))
    return found


def _harmless(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_harmless(item) for item in value]
    if isinstance(value, Mapping):
        return plain_parameters(value)
    return without_secrets(str(value))
