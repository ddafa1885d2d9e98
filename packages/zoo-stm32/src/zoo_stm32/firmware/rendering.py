"""Own reading the C, linker and CMake texts of this package and filling in their `@NAMES@`."""

from __future__ import annotations

import re
from importlib.resources import files

_PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")


def render(template: str, **values: object) -> str:
    """Return a text of `templates/` with every `@NAME@` replaced by the value of that name.

    Raises:
        KeyError: When the text has a name that no value was given for.
    """
    text = files("zoo_stm32.firmware").joinpath("templates", template).read_text(encoding="utf-8")
    return _PLACEHOLDER.sub(lambda found: str(values[found[1]]), text)
